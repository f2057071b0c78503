import type { Clock } from '../clock.ts'
import { toPublicKeys } from '../keys/public-keys.ts'
import type { PublicKeys } from '../keys/public-keys.ts'
import { RemoteDocument } from './document.ts'
import { fetchJson } from './fetch.ts'
import type { Fetch } from './fetch.ts'

// Seconds.
const MAX_AGE = 600
const JWKS_MEDIA_TYPES = 'application/jwk-set+json, application/json'

/** The public keys of somebody on another server. */
export interface RemoteKeys extends PublicKeys {
  /** Each key as text, by which it is told from another of the same name. */
  readonly texts: ReadonlySet<string>
  /** The same as long as no key is dropped: what was verified by one of the keys is still good. */
  readonly lineage: symbol
}

/** Where a JWKS is, and how it is reached. */
export interface RemoteJwksOptions {
  uri: () => string | Promise<string>
  /** What its keys must be for. Default "sig". */
  use?: string | undefined
  fetch: Fetch
  now: Clock
  /** Is told once per outage that the server is away and that what is known of it stays in use. */
  onError: (error: Error) => void
}

/** A JWKS (RFC 7517 §5) on another server, read again every ten minutes. */
export function remoteJwks ({ uri, use, fetch, now, onError }: RemoteJwksOptions): RemoteDocument<RemoteKeys> {
  async function load (former: RemoteKeys | undefined): Promise<RemoteKeys> {
    const jwks = await fetchJson(fetch, await uri(), { headers: { accept: JWKS_MEDIA_TYPES } })
    const { find, keys } = toPublicKeys(jwks, use)
    const texts = new Set(keys.map((key) => JSON.stringify(key)))
    const isNoneDropped = former !== undefined && [...former.texts].every((text) => texts.has(text))
    if (isNoneDropped && former.texts.size === texts.size) return former
    return { find, keys, texts, lineage: isNoneDropped ? former.lineage : Symbol('keys') }
  }

  return new RemoteDocument({ load, maxAge: MAX_AGE, now, onError })
}
