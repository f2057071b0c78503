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

/** How the keys of clients are reached that are elsewhere. */
export interface ClientKeysOptions {
  /** Fetches the jwks_uri of a client. Default `guardedFetch()`: https URLs on the public internet only. */
  fetch?: Fetch | undefined
  /** Is called once per outage of a jwks_uri, when the keys that are held stay in use. Default nothing is called. */
  onError?: ((error: Error) => void) | undefined
  now: Clock
}

/** The public keys of somebody, as far as they are known. */
export interface FoundKeys {
  readonly current: PublicKeys
  /**
   * Loads newer ones, for a caller that misses a key among these.
   *
   * @returns the same if there are none
   * @throws TemporarilyUnavailableError if it is not known whether there are
   */
  renew (missing: MissingKey): Promise<PublicKeys>
  /** Whether none of the keys has been dropped since, and they are recent enough, at this moment. */
  isCurrent (keys: PublicKeys): boolean
}

/**
 * Reads keys that are on another server.
 *
 * @throws TemporarilyUnavailableError if they cannot be read, and none are held that are recent enough. That says nothing of the
 *   client, and a client that gets invalid_client does not try again.
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

// A status of its own would tell everybody that there is such a client.
function unavailableKeys (error: unknown): never {
  const { cause } = error as Error
  const reason = cause instanceof Error ? cause.message : String(cause)
  throw new InvalidClientError(undefined, { cause: new TypeError(`The jwks_uri of the client is unavailable: ${reason}`, { cause: error }) })
}

// The one that was used longest ago goes first.
const MAX_DOCUMENTS = 1000

/**
 * Finds the public keys of clients: `jwks`, or those at `jwks_uri` (RFC 7591 §2). These are read again before they are ten
 * minutes old, and for a key that is missing ({@link RemoteDocument.seek}). While a jwks_uri is unavailable, they stay in use for
 * ten more minutes.
 */
export class ClientKeys {
  readonly #options: Omit<RemoteJwksOptions, 'uri'>
  readonly #local = new WeakMap<object, PublicKeys>()
  readonly #remote = new LruMap<RemoteDocument<RemoteKeys>>(MAX_DOCUMENTS)

  constructor ({ fetch = guardedFetch(), onError = () => {}, now }: ClientKeysOptions) {
    this.#options = { fetch, onError, now }
  }

  /**
   * @returns undefined for a client that has none
   * @throws InvalidClientError when its jwks is none; and if its jwks_uri cannot be read, and no keys are held that are recent enough:
   *   a status of its own would tell everybody that there is such a client
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
