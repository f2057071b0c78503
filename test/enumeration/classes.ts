// What is asked about: ids that exist, ids that do not, and how each method presents them.
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'

export const ISSUER = 'https://as.example'
export const KNOWN = { secret: 'known-by-secret', key: 'known-by-key' }
export const KNOWN_WITH_SCOPES = { secret: 'known-with-1000', key: 'keyed-with-1000' }
export const UNKNOWN = { secret: 'unknown-by-none', key: 'unknown-key1' }
export const UNKNOWN_TOO = { secret: 'unknown-by-two2', key: 'unknown-key2' }

/** How a request is sent. */
export interface Sent { readonly headers: Record<string, string>, readonly body: string }

export const METHODS = ['basic', 'post', 'assertion', 'mtls'] as const
export type Method = typeof METHODS[number]

const WRONG_SECRET = 'fccs_0000000000000000000000000000000000000000000000000'
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
// Seconds.
const LIFETIME = 120

/** Makes the request of a method for a client, with credentials that are wrong. */
export function requestOf (method: Method, { secret, key }: typeof KNOWN): Sent {
  const grant = 'grant_type=client_credentials'
  switch (method) {
    case 'basic': return { headers: { authorization: `Basic ${Buffer.from(`${secret}:${WRONG_SECRET}`).toString('base64')}` }, body: grant }
    case 'post': return { headers: {}, body: `${grant}&client_id=${secret}&client_secret=${WRONG_SECRET}` }
    case 'mtls': return { headers: {}, body: `${grant}&client_id=${key}` }
    case 'assertion': {
      const type = encodeURIComponent('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
      return { headers: {}, body: `${grant}&client_assertion_type=${type}&client_assertion=${assertionOf(key)}` }
    }
  }
}

function assertionOf (clientId: string): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: clientId, sub: clientId, aud: ISSUER, jti: randomUUID(), iat: now, exp: now + LIFETIME }
  const input = [{ alg: 'ES256', kid: 'key' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
