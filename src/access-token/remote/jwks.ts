import { createLocalJWKSet } from 'jose'
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import { discoverEndpoint } from './discovery.ts'
import type { RemoteIssuer } from './discovery.ts'
import { RemoteDocument } from './document.ts'
import { fetchJson } from './fetch.ts'

// Seconds.
const MAX_AGE = 600
const JWKS_MEDIA_TYPES = 'application/jwk-set+json, application/json'

/** The public keys of another authorization server. */
export interface RemoteKeys {
  /** Finds the key that a token names. */
  readonly find: JWTVerifyGetKey
  /** Each key as text, by which it is told from another of the same name. */
  readonly texts: ReadonlySet<string>
  /** The same as long as no key is dropped: what was verified by one of the keys is still good. */
  readonly lineage: symbol
}

/** The JWKS (RFC 7517 §5) that the metadata of an authorization server names, read again every ten minutes. */
export function remoteJwks (remote: RemoteIssuer): RemoteDocument<RemoteKeys> {
  const { fetch, now, onError } = remote
  const uri = discoverEndpoint(remote, 'jwks_uri')

  async function load (former: RemoteKeys | undefined): Promise<RemoteKeys> {
    const jwks = await fetchJson(fetch, await uri.get(), { headers: { accept: JWKS_MEDIA_TYPES } }) as unknown as JSONWebKeySet
    const find = createLocalJWKSet(jwks)
    const texts = new Set(jwks.keys.map((key) => JSON.stringify(key)))
    const isNoneDropped = former !== undefined && [...former.texts].every((text) => texts.has(text))
    if (isNoneDropped && former.texts.size === texts.size) return former
    return { find, texts, lineage: isNoneDropped ? former.lineage : Symbol('keys') }
  }

  return new RemoteDocument({ load, maxAge: MAX_AGE, now, onError })
}
