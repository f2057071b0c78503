// Keys, and what clients of the soak sign with them. Not by the package that is tested.
import { generateKeyPairSync, sign } from 'node:crypto'

export const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

export function keyPair () {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' })
  return { privateKey, jwk: { kty, crv, x, y } }
}

export function jws (header, claims, { privateKey }) {
  const input = `${base64url(header)}.${base64url(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** The name of the key that a JWT is signed with. */
export const kidOf = (token) => JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString()).kid
