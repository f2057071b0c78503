import { toPublicKeys } from '../jws/public-keys.ts'
import type { PublicKeys } from '../jws/public-keys.ts'
import type { Clock } from '../lib/clock.ts'
import { fetchJson } from './fetch-json.ts'
import type { Fetch } from './fetch-json.ts'
import { RemoteDocument } from './remote-document.ts'

// Seconds.
const MAX_AGE = 600
const JWKS_MEDIA_TYPES = 'application/jwk-set+json, application/json'

/** The public keys of somebody on another server. */
export interface RemoteKeys extends PublicKeys {
  /** Each key as text, by which it is told from another of the same name. */
  readonly texts: ReadonlySet<string>
  /** Stays the same until a key is dropped: a signature that was verified by one of the keys is still good. */
  readonly lineage: symbol
}

/** Where a JWKS is, and how it is reached. */
export interface RemoteJwksOptions {
  uri: () => string | Promise<string>
  /** What its keys must be for. Default "sig". */
  use?: string | undefined
  fetch: Fetch
  now: Clock
  /** Seconds beyond ten minutes for which the keys are used while the server is unavailable. Default 600. */
  maxStale?: number | undefined
  /** Is called once per outage, when the keys that are held stay in use. */
  onError: (error: Error) => void
}

/**
 * Keeps a JWKS (RFC 7517 §5) of another server. No key is used for more than ten minutes after it was dropped there, unless the
 * server is unavailable.
 */
export function remoteJwks ({ uri, use, fetch, now, maxStale, onError }: RemoteJwksOptions): RemoteDocument<RemoteKeys> {
  async function load (): Promise<RemoteKeys> {
    const jwks = await fetchJson(fetch, await uri(), { headers: { accept: JWKS_MEDIA_TYPES } })
    const { find, keys } = toPublicKeys(jwks, use)
    return { find, keys, texts: new Set(keys.map((key) => JSON.stringify(key))), lineage: Symbol('keys') }
  }

  return new RemoteDocument({ load, merge, maxAge: MAX_AGE, maxStale, now, onError })
}

function merge (loaded: RemoteKeys, former: RemoteKeys | undefined): RemoteKeys {
  if (former === undefined || ![...former.texts].every((text) => loaded.texts.has(text))) return loaded
  return former.texts.size === loaded.texts.size ? former : { ...loaded, lineage: former.lineage }
}
