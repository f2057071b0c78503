import type { ClientCredentialsTokenRequest, Clients } from '../client-auth/clients.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import { auditOf } from '../entries/audit.ts'
import { Entries } from '../entries/entries.ts'
import { wrongClient } from '../errors/client-error.ts'
import { publishClientChange } from '../events/administration.ts'
import { systemClock } from '../lib/clock.ts'
import { checkArgument, checkOptions, required } from '../options/check-options.ts'
import type { AuditStore, ClientStore, ReplayStore, StoredClient } from '../stores/contracts/index.ts'
import { CLIENT_STORE } from '../stores/contracts/option-rules.ts'
import { rotateSecret } from './change-client.ts'
import { ClientAuthenticator } from './client-authenticator.ts'
import { ClientChangeWriter } from './client-change-writer.ts'
import type { AuthMethods, ClientChanges } from './client-fields.ts'
import { makeClient, makeSecret } from './new-client.ts'
import type { ClientMaker, IssuedSecret, NewClient } from './new-client.ts'
import { toRegisteredClient } from './registered-client.ts'
import type { RegisteredClient } from './registered-client.ts'
import { changedBy, checkAddOptions, checkListOptions, checkRotateOptions, CLIENT_REGISTRY } from './registry-options.ts'
import type { AddOptions, ClientChangeOptions, ClientRegistryOptions, ListOptions, RotateOptions } from './registry-options.ts'
import { SecretHashes } from './secrets/fast-secrets.ts'
import { SecretUses } from './secrets/secret-uses.ts'
import { SlowSecretHashes } from './secrets/slow-secret-hash.ts'
import { applyChanges, KNOWN_AUTH_METHODS } from './validate-registration.ts'

export type { IssuedSecret, NewClient, SecretOptions } from './new-client.ts'
export type { ClientSecret, RegisteredClient } from './registered-client.ts'
export type { ClientChanges } from './client-fields.ts'
export type { AddOptions, ClientChangeOptions, ClientRegistryOptions, ListOptions, RotateOptions } from './registry-options.ts'

// Seconds. Older secrets stay valid for this time after a rotation.
const OVERLAP = 86_400
const PAGE = 100

/**
 * Stores the clients of a server, and authenticates them. Changes by another process take effect within a second.
 *
 * While the store is unavailable, no client is authenticated: every method that needs it rejects with its StoreUnavailableError.
 */
export class ClientRegistry implements Clients {
  /** The same store, if it can reserve one-time values. */
  readonly replays: ReplayStore | undefined
  readonly entries: Entries | undefined
  readonly audit: AuditStore | undefined
  readonly #store: ClientStore
  readonly #maker: ClientMaker
  #methods: AuthMethods = KNOWN_AUTH_METHODS
  readonly #uses: SecretUses
  readonly #authenticator: ClientAuthenticator
  readonly #changes: ClientChangeWriter

  /** @throws FlowConfigurationError FST_OAUTH_INVALID_REGISTRY, FST_OAUTH_INVALID_OPTION, FST_OAUTH_UNKNOWN_OPTION */
  constructor (store: ClientStore & Partial<ReplayStore>, options: ClientRegistryOptions = {}) {
    checkArgument(store, required(CLIENT_STORE), 'ClientRegistry', 'store')
    checkOptions(options, CLIENT_REGISTRY)
    const { peppers, cacheSize = 10_000, cacheMaxAge = 60, onError, now = systemClock } = options
    const hashes = new SecretHashes(peppers)
    const slowHashes = new SlowSecretHashes(hashes)
    this.#store = store
    this.replays = typeof store.reserve === 'function' ? store as ReplayStore : undefined
    this.entries = Entries.of(store, { now })
    this.audit = auditOf(store)
    this.#maker = { hashes, slowHashes, methods: () => this.#methods, isUpgrading: async () => (await this.entries?.readSettings())?.isUpgrading === true, now }
    this.#uses = new SecretUses(store, { now, onError })
    this.#authenticator = new ClientAuthenticator(store, { hashes, slowHashes, uses: this.#uses, cacheSize, cacheMaxAge, entries: this.entries, onError, now })
    this.#changes = new ClientChangeWriter(store, { entries: this.entries, changed: (id) => { this.#authenticator.changed(id) }, now })
  }

  /** Milliseconds that a slow hash takes on this machine; 0 as long as no client with such a secret was found. */
  get slowHashTime (): number { return this.#maker.slowHashes.time }

  /** Measures how long a slow hash takes, if any client has such a secret. Never rejects: if the store is unavailable, it measures later. */
  start (): Promise<void> { return this.#authenticator.start().catch(() => {}) }

  /**
   * Finds a client and verifies its secret. Returns undefined for an unknown client, a wrong or expired secret, and a client that is
   * disabled or may not use the method. Returns synchronously for a cached client.
   *
   * @throws StoreUnavailableError, or rejects with it
   */
  readonly getClient: Clients['getClient'] = (context, sender) => this.#authenticator.authenticate(context, sender?.address)

  /** Registers client authentication methods, so that clients can be registered for them. Each flow with this registry calls it. */
  learnMethods (methods: AuthMethods): void {
    this.#methods = { ...this.#methods, ...methods }
  }

  /** Finds a client that is not disabled. Does NOT authenticate it. @throws StoreUnavailableError, or rejects with it */
  findClient (clientId: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    return this.#authenticator.find(clientId)
  }

  /**
   * Confirms a client immediately before a token is issued. Accepts data that was read less than a second ago and has not changed
   * since; otherwise reads and verifies the client again.
   *
   * @returns the current client; undefined if it may no longer get a token
   * @throws StoreUnavailableError, or rejects with it
   */
  confirm (client: OAuth2Client, context: ClientCredentialsTokenRequest<string | undefined>): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    return this.#authenticator.confirm(client, context)
  }

  /**
   * Adds a client. Tokens of a removed client with the same id stay invalid.
   *
   * @returns the client, and its secret if one was generated
   * @throws FlowConfigurationError for an invalid registration, or an id that is already in use
   */
  async add (client: NewClient = {}, change: ClientChangeOptions = {}): Promise<{ client: RegisteredClient, secret: IssuedSecret | undefined }> {
    const by = changedBy(change)
    const { stored, issued } = await makeClient(this.#maker, client)
    const added = await this.#changes.add([stored], this.#changes.record(by, 'client', stored.id, 'added'))
    if (added.length === 0) throw wrongClient('there is a client with this id already')
    this.#authenticator.added([stored])
    publishClientChange(stored.id, 'added', { by })
    return { client: toRegisteredClient(stored, () => undefined), secret: issued }
  }

  /**
   * Adds clients in one atomic step. Leaves a client whose id already exists unchanged. If two have the same id, adds the first.
   *
   * @throws FlowConfigurationError for an invalid registration; then none is added
   */
  async addAll (
    clients: readonly NewClient[], options: AddOptions = {}
  ): Promise<Array<{ id: string, isAdded: boolean, secret: IssuedSecret | undefined }>> {
    const { beforeCommit, by } = checkAddOptions(options)
    const made: Array<Awaited<ReturnType<typeof makeClient>>> = []
    // Sequential: concurrent slow hashes would delay clients that authenticate meanwhile.
    for (const client of clients) made.push(await makeClient(this.#maker, client))
    const first = new Map(made.toReversed().map((client) => [client.stored.id, client]))
    const unique = made.filter((client) => first.get(client.stored.id) === client)
    await beforeCommit?.(unique.flatMap(({ stored: { id }, issued }) => issued === undefined ? [] : [{ id, secret: issued }]))
    const ids = unique.map(({ stored }) => stored.id)
    const audit = this.#changes.record(by, 'client', ids.length === 1 ? ids[0]! : `${ids.length} clients`, 'added', ids.length === 1 ? undefined : { ids })
    const added = new Set(unique.length > 0 ? await this.#changes.add(unique.map(({ stored }) => stored), audit) : [])
    this.#authenticator.added(unique.map(({ stored }) => stored))
    for (const id of added) publishClientChange(id, 'added', { by })
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
   * @returns `next` is undefined on the last page
   * @throws RangeError
   */
  async list (page: ListOptions = {}): Promise<{ clients: RegisteredClient[], next: string | undefined }> {
    const { after, limit = PAGE } = checkListOptions(page)
    // Reads one more client, to detect whether another page follows.
    const found = await this.#store.listClients({ limit: limit + 1, ...(after !== undefined && { after }) })
    const clients = found.slice(0, limit)
    const lastUseOf = await this.#uses.find(clients.map(({ id }) => id))
    return { clients: clients.map((client) => toRegisteredClient(client, lastUseOf)), next: found.length > limit ? clients.at(-1)?.id : undefined }
  }

  /**
   * Applies a partial update to a client: omitted members are unchanged, undefined removes a member. Does NOT revoke access
   * tokens.
   *
   * @returns undefined for a client that does not exist
   * @throws FlowConfigurationError if the result would be an invalid registration
   */
  async update (id: string, changes: ClientChanges, change: ClientChangeOptions = {}): Promise<RegisteredClient | undefined> {
    const by = changedBy(change)
    const audit = this.#changes.record(by, 'client', id, 'updated', { members: Object.keys(changes) })
    return await this.#show(await this.#changes.change(id, 'updated', (client) => ({ client: applyChanges(client, changes, this.#methods) }), audit))
  }

  /**
   * Disables a client: it gets no more tokens, and every process rejects its existing tokens within a second. Those stay invalid
   * after the client is enabled again.
   *
   * @returns undefined for a client that does not exist
   */
  async disable (id: string, change: ClientChangeOptions = {}): Promise<RegisteredClient | undefined> {
    const by = changedBy(change)
    return await this.#show(await this.#changes.change(id, 'disabled', (client) => this.#changes.raised({ ...client, isDisabled: true }), this.#changes.record(by, 'client', id, 'disabled')))
  }

  /** Enables a disabled client: it can get tokens again. @returns undefined for a client that does not exist */
  async enable (id: string, change: ClientChangeOptions = {}): Promise<RegisteredClient | undefined> {
    const by = changedBy(change)
    const enabled = ({ isDisabled, ...client }: StoredClient) => this.#changes.raised(client)
    return await this.#show(await this.#changes.change(id, 'enabled', enabled, this.#changes.record(by, 'client', id, 'enabled')))
  }

  /** Removes a client with all of its secrets. Every process rejects its access tokens within a second. @returns false if it does not exist */
  async remove (id: string, change: ClientChangeOptions = {}): Promise<boolean> {
    const by = changedBy(change)
    return await this.#changes.remove(id, by)
  }

  /** Revokes all access tokens of a client. Every process rejects them within a second. It can get new ones. @returns false if it does not exist */
  async revokeTokens (id: string, change: ClientChangeOptions = {}): Promise<boolean> {
    const by = changedBy(change)
    return await this.#changes.change(id, 'tokens_revoked', (client) => this.#changes.raised(client), this.#changes.record(by, 'tokens', id, 'revoked')) !== undefined
  }

  /**
   * Revokes all access tokens of all clients. Every process rejects them within a second.
   *
   * @throws TypeError for a store without entries
   */
  async revokeAllTokens (change: ClientChangeOptions = {}): Promise<void> {
    const by = changedBy(change)
    if (this.entries === undefined) throw new TypeError('The store keeps no entries')
    await this.entries.raiseAll(this.#changes.record(by, 'tokens', '', 'revoked'))
  }

  /**
   * Generates a new secret for a client. Existing secrets stay valid for the overlap, unless they expire earlier.
   *
   * @returns undefined for a client that does not exist
   * @throws FlowConfigurationError
   */
  async rotateSecret (id: string, options: RotateOptions = {}): Promise<IssuedSecret | undefined> {
    const { overlap = OVERLAP, lifetime, by } = checkRotateOptions(options)
    const { made, issued } = makeSecret(this.#maker, { lifetime })
    const audit = this.#changes.record(by, 'secret', `${id} ${made.id}`, 'added', { overlap })
    const client = await this.#changes.change(id, 'secret_added', (stored) => rotateSecret(stored, made, { overlap, now: this.#maker.now() }), audit, made.id)
    return client && issued
  }

  /**
   * Revokes a secret of a client. Every process rejects it after a second. Access tokens that were obtained with it stay valid:
   * {@link revokeTokens} revokes them.
   *
   * @returns false for a secret that does not exist
   */
  async revokeSecret (id: string, secretId: string, change: ClientChangeOptions = {}): Promise<boolean> {
    const by = changedBy(change)
    const client = await this.#changes.change(id, 'secret_revoked', (stored) => {
      const secrets = stored.secrets.filter((secret) => secret.id !== secretId)
      return secrets.length < stored.secrets.length ? { client: { ...stored, secrets }, revokedSecretIds: [secretId] } : undefined
    }, this.#changes.record(by, 'secret', `${id} ${secretId}`, 'revoked'), secretId)
    return client !== undefined
  }

  /** Writes the pending last-used times of secrets. Call it before the process ends. @throws StoreUnavailableError */
  async flush (): Promise<void> {
    await this.#uses.flush()
  }

  async #show (client: StoredClient | undefined): Promise<RegisteredClient | undefined> {
    return client && toRegisteredClient(client, await this.#uses.find([client.id]))
  }
}
