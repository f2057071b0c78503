// Keys, and what clients of the soak sign with them. Not by the package that is tested.
import { createECDH, createPrivateKey, sign } from 'node:crypto'

// Bytes of a number of P-256.
const SIZE = 32
export const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

// Not by generateKeyPairSync: Node.js 20 sometimes never comes back from exporting a key that it made.
export function keyPair () {
  const pair = createECDH('prime256v1')
  const point = pair.generateKeys()
  const encode = (number) => Buffer.concat([Buffer.alloc(SIZE), number]).subarray(-SIZE).toString('base64url')
  const jwk = { kty: 'EC', crv: 'P-256', x: encode(point.subarray(1, SIZE + 1)), y: encode(point.subarray(SIZE + 1)) }
  const privateJwk = { ...jwk, d: encode(pair.getPrivateKey()) }
  return { privateKey: createPrivateKey({ key: privateJwk, format: 'jwk' }), privateJwk, jwk }
}

export function jws (header, claims, { privateKey }) {
  const input = `${base64url(header)}.${base64url(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** The name of the key that a JWT is signed with. */
export const kidOf = (token) => JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString()).kid
