import { toPublicKeys } from '../jws/public-keys.ts'
import type { PublicKeys } from '../jws/public-keys.ts'
import type { Clock } from '../lib/clock.ts'
import { fetchJson } from './fetch-json.ts'
import type { Fetch } from './fetch-json.ts'
import { RemoteDocument } from './remote-document.ts'

// Seconds.
const MAX_AGE = 600
const JWKS_MEDIA_TYPES = 'application/jwk-set+json, application/json'

/** The public keys of another server or of a client, fetched from a JWKS URL. */
export interface RemoteKeys extends PublicKeys {
  /** The serialized keys, to distinguish keys with the same kid. */
  readonly texts: ReadonlySet<string>
  /**
   * Stays the same until a key is removed from the set. As long as it is the same, earlier signature verifications remain
   * valid.
   */
  readonly lineage: symbol
}

/** Options of {@link remoteJwks}. */
export interface RemoteJwksOptions {
  uri: () => string | Promise<string>
  /** The required `use` of the keys. Default "sig". */
  use?: string | undefined
  fetch: Fetch
  now: Clock
  /** Seconds beyond ten minutes for which the keys are used while the server is unavailable. Default 600. */
  maxStale?: number | undefined
  /** Is called once per outage while cached keys are used. */
  onError: (error: Error) => void
}

/**
 * Caches a JWKS (RFC 7517 §5) of another server. A key that was removed from it is used for at most ten more minutes, unless
 * the server is unavailable.
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
