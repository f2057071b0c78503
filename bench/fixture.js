// What all contenders of a run share: the client, the keys and the opaque token of the guarded routes.
import { createHash, createHmac, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'

const VARIABLE = 'BENCH_FIXTURE'

export const SCOPE = 'data:read'
export const LIFETIME = 3600
export const ORIGIN = 'https://api.example'
export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

export function makeFixture () {
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' }
  })
  const ed = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' }
  })
  const kid = thumbprintOf(publicKey)
  const edKid = thumbprintOf(ed.publicKey)
  return {
    clientId: 'billing',
    clientSecret: randomBytes(32).toString('base64url'),
    seed: randomBytes(32).toString('base64url'),
    opaqueToken: randomBytes(32).toString('base64url'),
    issuer: 'https://auth.example',
    audience: 'https://api.example',
    privateKey,
    publicKey,
    kid,
    jwks: jwksOf(publicKey, 'ES256', kid),
    // For who takes no ES256.
    edPrivateKey: ed.privateKey,
    edKid,
    edJwks: jwksOf(ed.publicKey, 'EdDSA', edKid)
  }
}

function jwksOf (publicKey, alg, kid) {
  return { keys: [{ ...createPublicKey(publicKey).export({ format: 'jwk' }), alg, use: 'sig', kid }] }
}

const CLIENTS = 1000

/** A thousand clients more, and their secrets: made from a seed, since an environment has room for no list of them. */
export function clientsOf ({ seed }) {
  return Array.from({ length: CLIENTS }, (_, number) => {
    const id = `client-${number}`
    return { id, secret: createHmac('sha256', seed).update(id).digest('base64url') }
  })
}

// RFC 7638, for an EC or an OKP key, which has no y.
function thumbprintOf (pem) {
  const { crv, kty, x, y } = createPublicKey(pem).export({ format: 'jwk' })
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}

/** The environment in which a child process finds the fixture. */
export function environmentOf (fixture) {
  return { ...process.env, NODE_ENV: 'production', [VARIABLE]: JSON.stringify(fixture) }
}

export function readFixture () {
  return JSON.parse(process.env[VARIABLE])
}
