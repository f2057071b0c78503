// What all contenders of a run share: the client, the keys and the opaque token of the guarded routes.
import { generateKeyPairSync, randomBytes } from 'node:crypto'

const VARIABLE = 'BENCH_FIXTURE'

export const SCOPE = 'data:read'
export const LIFETIME = 3600

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
    publicKey
  }
}

/** The environment in which a child process finds the fixture. */
export function environmentOf (fixture) {
  return { ...process.env, [VARIABLE]: JSON.stringify(fixture) }
}

export function readFixture () {
  return JSON.parse(process.env[VARIABLE])
}
