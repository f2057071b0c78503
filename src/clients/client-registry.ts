import type { Clients, GetClientContext, OAuth2Client } from '../client-auth/index.ts'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { FlowConfigurationError } from '../configuration-error.ts'
import { publishClientChange } from '../events/administration.ts'
import type { ClientChange } from '../events/index.ts'
import type { ClientStore, ReplayStore, StoredClient } from '../store/index.ts'
import { ClientAuthenticator } from './client-authenticator.ts'
import { changeClient, rotateSecret } from './client-changes.ts'
import { wrongClient } from './client-error.ts'
import { SecretHashes } from './client-secret-hash.ts'
import { makeClient, makeSecret } from './new-client.ts'
import type { ClientMaker, IssuedSecret, NewClient, SecretOptions } from './new-client.ts'
import { toRegisteredClient } from './registered-client.ts'
import type { RegisteredClient } from './registered-client.ts'
import { applyChanges } from './registration.ts'
import type { ClientChanges } from './registration.ts'
import { SecretUses } from './secret-uses.ts'
import { SlowSecretHashes } from './slow-secret-hash.ts'

export type { IssuedSecret, NewClient, SecretOptions } from './new-client.ts'
export type { ClientSecret, RegisteredClient } from './registered-client.ts'
export type { ClientRegistration } from '../store/index.ts'
export type { ClientChanges } from './registration.ts'

/** How secrets are hashed, and what is remembered of clients. */
export interface ClientRegistryOptions {
  /**
   * Keys of the HMAC that secrets are hashed with, of 32 characters at least. The first hashes new secrets, all of them
   * are tried: put a new one in front, and take the old one away when its secrets have been rotated. null stands for none:
   * put it last as long as there are secrets from before there was a pepper. Default none: SHA-256, which is no weaker for
   * secrets of 256 random bits; a pepper makes a copy of the store alone worthless for writing too.
   */
  peppers?: readonly (string | null)[]
  /** How many clients are remembered. The one that was used longest ago goes first. 0 for none. Default 10,000. */
  cacheSize?: number
  /** Seconds after which a remembered client is read again, whatever the store says of changes; 3,600 at most. Default 60. */
  cacheMaxAge?: number
  /** Is told of what fails behind the scenes: writing when secrets were used last, reading what changed. Once per outage. Default nobody is. */
  onError?: (error: Error) => void
  /** Default the clock of the machine. */
  now?: Clock
}

/** How clients are added. */
export interface AddOptions {
  /**
   * Gets the secrets that were generated before the clients are stored, to keep them: those of clients that turn out to be
   * there already are of no use. Nothing is stored if it rejects.
   */
  beforeCommit?: (issued: ReadonlyArray<{ id: string, secret: IssuedSecret }>) => Promise<void>
}

// Seconds that older secrets stay valid beside a new one.
const OVERLAP = 86_400
const PAGE = 100
const MAX_PAGE = 1000
// The store lists changes as far back.
const MAX_CACHE_AGE = 3600

/**
 * Keeps the clients of a server in a store, and authenticates them. What changes in another process is seen within a second.
 *
 * When the store is away, nobody is authenticated: every method that needs it rejects with its StoreUnavailableError.
 */
export class ClientRegistry implements Clients {
  /** The store again, where it can remember what may be used once only. */
  readonly replays: ReplayStore | undefined
  readonly #store: ClientStore
  readonly #maker: ClientMaker
  readonly #uses: SecretUses
  readonly #authenticator: ClientAuthenticator

  /** @throws FlowConfigurationError */
  constructor (store: ClientStore & Partial<ReplayStore>, { peppers, cacheSize = 10_000, cacheMaxAge = 60, onError, now = systemClock }: ClientRegistryOptions = {}) {
    if (!Number.isSafeInteger(cacheSize) || cacheSize < 0 || !Number.isSafeInteger(cacheMaxAge) || cacheMaxAge < 0 || cacheMaxAge > MAX_CACHE_AGE) {
      throw new FlowConfigurationError('FST_OAUTH_INVALID_REGISTRY')
    }
    const hashes = new SecretHashes(peppers)
    const slowHashes = new SlowSecretHashes(hashes)
    this.#store = store
    this.replays = canReserve(store) ? store : undefined
    this.#maker = { hashes, slowHashes, now }
    this.#uses = new SecretUses(store, { now, onError })
    this.#authenticator = new ClientAuthenticator(store, { hashes, slowHashes, uses: this.#uses, cacheSize, cacheMaxAge, onError, now })
  }

  /**
   * Finds a client and compares its secret. An unknown client, a wrong or expired secret, a client that is disabled or may not
   * use this method are all undefined, after the same work. Answers at once for a client that is remembered.
   *
   * @throws StoreUnavailableError, or rejects with it
   */
  readonly getClient = (context: GetClientContext): OAuth2Client | undefined | Promise<OAuth2Client | undefined> => this.#authenticator.authenticate(context)

  /** Finds a client that is not disabled. Authenticates nobody. @throws StoreUnavailableError, or rejects with it */
  findClient (clientId: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    return this.#authenticator.find(clientId)
  }

  /**
   * Adds a client.
   *
   * @returns the client, and its secret if one was generated
   * @throws FlowConfigurationError for a wrong registration, or an id that is taken
   */
  async add (client: NewClient = {}): Promise<{ client: RegisteredClient, secret: IssuedSecret | undefined }> {
    const { stored, issued } = await makeClient(this.#maker, client)
    const added = await this.#store.addClients([stored])
    if (added.length === 0) throw wrongClient('there is a client with this id already')
    this.#authenticator.added([stored])
    publishClientChange(stored.id, 'added')
    return { client: toRegisteredClient(stored, () => undefined), secret: issued }
  }

  /**
   * Adds clients, all in one atomic step. One whose id is there already is left as it is; of two with one id the first counts.
   *
   * @throws FlowConfigurationError for a wrong registration; then none is added
   */
  async addAll (
    clients: readonly NewClient[], { beforeCommit }: AddOptions = {}
  ): Promise<Array<{ id: string, isAdded: boolean, secret: IssuedSecret | undefined }>> {
    const made: Array<Awaited<ReturnType<typeof makeClient>>> = []
    // One after the other: slow hashes must leave room for those who log in.
    for (const client of clients) made.push(await makeClient(this.#maker, client))
    const first = new Map(made.toReversed().map((client) => [client.stored.id, client]))
    const unique = made.filter((client) => first.get(client.stored.id) === client)
    await beforeCommit?.(unique.flatMap(({ stored: { id }, issued }) => issued === undefined ? [] : [{ id, secret: issued }]))
    const added = new Set(unique.length > 0 ? await this.#store.addClients(unique.map(({ stored }) => stored)) : [])
    this.#authenticator.added(unique.map(({ stored }) => stored))
    for (const id of added) publishClientChange(id, 'added')
    return made.map((client) => {
      const { id } = client.stored
      const isAdded = added.has(id) && first.get(id) === client
      return { id, isAdded, secret: isAdded ? client.issued : undefined }
    })
  }

  /** Finds a client, disabled or not. */
  async find (id: string): Promise<RegisteredClient | undefined> {
    const [client] = await this.#store.findClients([id])
    return await this.#show(client)
  }

  /**
   * Lists clients in the order of their ids.
   *
   * @param page `after`: the `next` of the page before; `limit`: 1 to 1,000, default 100
   * @returns `next` undefined behind the last client
   * @throws RangeError
   */
  async list ({ after, limit = PAGE }: { after?: string, limit?: number } = {}): Promise<{ clients: RegisteredClient[], next: string | undefined }> {
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE) throw new RangeError(`The limit of a page must be a whole number from 1 to ${MAX_PAGE}`)
    // One more, to see whether there are others.
    const found = await this.#store.listClients({ limit: limit + 1, ...(after !== undefined && { after }) })
    const page = found.slice(0, limit)
    const lastUseOf = await this.#uses.find(page.map(({ id }) => id))
    return { clients: page.map((client) => toRegisteredClient(client, lastUseOf)), next: found.length > limit ? page.at(-1)?.id : undefined }
  }

  /**
   * Changes what is registered of a client: what is not named stays, what is named undefined is taken back. Does NOT revoke
   * access tokens.
   *
   * @returns undefined for a client that is not there
   * @throws FlowConfigurationError for what would be a wrong registration
   */
  async update (id: string, changes: ClientChanges): Promise<RegisteredClient | undefined> {
    return await this.#show(await this.#change(id, 'updated', (client) => applyChanges(client, changes)))
  }

  /** Lets a client authenticate no more. Does NOT revoke its access tokens. @returns undefined for a client that is not there */
  async disable (id: string): Promise<RegisteredClient | undefined> {
    return await this.#show(await this.#change(id, 'disabled', (client) => ({ ...client, isDisabled: true })))
  }

  /** @returns undefined for a client that is not there */
  async enable (id: string): Promise<RegisteredClient | undefined> {
    return await this.#show(await this.#change(id, 'enabled', ({ isDisabled, ...client }) => client))
  }

  /** Removes a client with all of its secrets. Does NOT revoke its access tokens. @returns false for one that is not there */
  async remove (id: string): Promise<boolean> {
    try {
      const isRemoved = await this.#store.removeClient(id)
      if (isRemoved) publishClientChange(id, 'removed')
      return isRemoved
    } finally {
      this.#authenticator.changed(id)
    }
  }

  /**
   * Makes a new secret for a client. Those that it has stay valid for a while, unless they expire earlier.
   *
   * @param options `overlap`: seconds that older secrets stay valid, 0 for none, default 86,400; `lifetime` of the new one
   * @returns undefined for a client that is not there
   * @throws FlowConfigurationError
   */
  async rotateSecret (id: string, { overlap = OVERLAP, lifetime }: SecretOptions & { overlap?: number } = {}): Promise<IssuedSecret | undefined> {
    if (!Number.isSafeInteger(overlap) || overlap < 0) throw wrongClient('overlap must be a whole number of seconds')
    const { made, issued } = makeSecret(this.#maker, { lifetime })
    const client = await this.#change(id, 'secret_added', (stored) => rotateSecret(stored, made, { overlap, now: this.#maker.now() }), made.id)
    return client && issued
  }

  /** Makes a secret of a client invalid at once. @returns false for one that is not there */
  async revokeSecret (id: string, secretId: string): Promise<boolean> {
    const client = await this.#change(id, 'secret_revoked', (stored) => {
      const secrets = stored.secrets.filter((secret) => secret.id !== secretId)
      return secrets.length < stored.secrets.length ? { ...stored, secrets } : undefined
    }, secretId)
    return client !== undefined
  }

  /** Writes what is known of the last uses of secrets. Call it before the process ends. @throws StoreUnavailableError */
  async flush (): Promise<void> {
    await this.#uses.flush()
  }

  async #change (
    id: string, kind: ClientChange, change: (client: StoredClient) => StoredClient | undefined, secretId?: string
  ): Promise<StoredClient | undefined> {
    try {
      const client = await changeClient(this.#store, id, change, this.#maker.now)
      if (client !== undefined) publishClientChange(id, kind, secretId)
      return client
    } finally {
      // Also when it failed: the store may have got it all the same.
      this.#authenticator.changed(id)
    }
  }

  async #show (client: StoredClient | undefined): Promise<RegisteredClient | undefined> {
    return client && toRegisteredClient(client, await this.#uses.find([client.id]))
  }
}

function canReserve (store: Partial<ReplayStore>): store is ReplayStore {
  return typeof store.reserve === 'function'
}
