// What all contenders of a run share: the client, the keys and the opaque token of the guarded routes.
import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'

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
  return {
    clientId: 'billing',
    clientSecret: randomBytes(32).toString('base64url'),
    opaqueToken: randomBytes(32).toString('base64url'),
    issuer: 'https://auth.example',
    audience: 'https://api.example',
    privateKey,
    publicKey,
    kid: thumbprintOf(publicKey)
  }
}

// RFC 7638, for an EC key.
function thumbprintOf (pem) {
  const { crv, kty, x, y } = createPublicKey(pem).export({ format: 'jwk' })
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}

/** The environment in which a child process finds the fixture. */
export function environmentOf (fixture) {
  return { ...process.env, [VARIABLE]: JSON.stringify(fixture) }
}

export function readFixture () {
  return JSON.parse(process.env[VARIABLE])
}
