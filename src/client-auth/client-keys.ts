import { LruMap } from 'toad-cache'
import { InvalidClientError, TemporarilyUnavailableError } from '../errors/oauth-error.ts'
import type { Fetch } from '../http-client/fetch-json.ts'
import { guardedFetch } from '../http-client/guarded-fetch.ts'
import { RETRY_AFTER } from '../http-client/remote-document.ts'
import type { RemoteDocument } from '../http-client/remote-document.ts'
import { remoteJwks } from '../http-client/remote-jwks.ts'
import type { RemoteJwksOptions, RemoteKeys } from '../http-client/remote-jwks.ts'
import { toPublicKeys } from '../jws/public-keys.ts'
import type { MissingKey, PublicKeys } from '../jws/public-keys.ts'
import type { Clock } from '../lib/clock.ts'
import type { ClientMetadata } from './oauth2-client.ts'

/** Options for loading the keys of clients from a jwks_uri. */
export interface ClientKeysOptions {
  /** Fetches the jwks_uri of a client. Default `guardedFetch()`: https URLs on the public internet only. */
  fetch?: Fetch | undefined
  /** Called once per outage of a jwks_uri, while its cached keys stay in use. Default none. */
  onError?: ((error: Error) => void) | undefined
  now: Clock
}

/** The public keys that were found for a client or an issuer. */
export interface FoundKeys {
  readonly current: PublicKeys
  /**
   * Loads newer keys, for a caller that misses a key among these.
   *
   * @returns the same keys if there are no newer ones
   * @throws TemporarilyUnavailableError if that cannot be determined
   */
  renew (missing: MissingKey): Promise<PublicKeys>
  /** Returns whether none of the keys has been removed, and they are recent enough, at this moment. */
  isCurrent (keys: PublicKeys): boolean
}

/**
 * Reads keys from another server.
 *
 * @throws TemporarilyUnavailableError if they cannot be loaded, and no recent ones are cached. The client may be valid, and clients do
 *   not retry after invalid_client.
 */
export async function found (document: RemoteDocument<RemoteKeys>): Promise<FoundKeys> {
  const current = await document.get().catch(unavailable)
  return {
    current,
    renew: async (missing) => await document.seek(current, missing).catch(unavailable),
    isCurrent: (keys) => document.current?.lineage === (keys as RemoteKeys).lineage
  }
}

function unavailable (cause: unknown): never {
  throw new TemporarilyUnavailableError(undefined, { cause, retryAfter: RETRY_AFTER })
}

function inMemory (keys: PublicKeys): FoundKeys {
  return { current: keys, renew: async () => keys, isCurrent: () => true }
}

// A distinct status would reveal that the client exists.
function unavailableKeys (error: unknown): never {
  const { cause } = error as Error
  const reason = cause instanceof Error ? cause.message : String(cause)
  throw new InvalidClientError(undefined, { cause: new TypeError(`The jwks_uri of the client is unavailable: ${reason}`, { cause: error }) })
}

// The least recently used document is evicted.
const MAX_DOCUMENTS = 1000

/**
 * Finds the public keys of clients: `jwks`, or those at `jwks_uri` (RFC 7591 §2). Keys of a URI are reloaded before they are ten
 * minutes old, and when a key is missing ({@link RemoteDocument.seek}). While the URI is unavailable, they stay in use for ten more
 * minutes.
 */
export class ClientKeys {
  readonly #options: Omit<RemoteJwksOptions, 'uri'>
  readonly #local = new WeakMap<object, PublicKeys>()
  readonly #remote = new LruMap<RemoteDocument<RemoteKeys>>(MAX_DOCUMENTS)

  constructor ({ fetch = guardedFetch(), onError = () => {}, now }: ClientKeysOptions) {
    this.#options = { fetch, onError, now }
  }

  /**
   * @returns undefined for a client without keys
   * @throws InvalidClientError for an invalid jwks; and if its jwks_uri cannot be loaded and no recent keys are cached: a distinct
   *   status would reveal that the client exists
   */
  async find ({ jwks, jwks_uri: uri }: ClientMetadata): Promise<FoundKeys | undefined> {
    if (jwks !== undefined && jwks !== null) return inMemory(this.#read(jwks))
    return typeof uri === 'string' ? await this.#fetch(uri) : undefined
  }

  async #fetch (uri: string): Promise<FoundKeys> {
    const keys = await found(this.#document(uri)).catch(unavailableKeys)
    return { ...keys, renew: async (missing) => await keys.renew(missing).catch(unavailableKeys) }
  }

  #read (jwks: unknown): PublicKeys {
    const known = this.#local.get(jwks as object)
    if (known !== undefined) return known
    try {
      const keys = toPublicKeys(jwks)
      this.#local.set(jwks as object, keys)
      return keys
    } catch (cause) {
      throw new InvalidClientError(undefined, { cause: new TypeError('The jwks of the client is no JWKS', { cause }) })
    }
  }

  #document (uri: string): RemoteDocument<RemoteKeys> {
    const known = this.#remote.get(uri)
    if (known !== undefined) return known
    const document = remoteJwks({ ...this.#options, uri: () => uri })
    this.#remote.set(uri, document)
    return document
  }
}
