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

// Seconds that older secrets stay valid beside a new one.
const OVERLAP = 86_400
const PAGE = 100

/**
 * Keeps the clients of a server in a store, and authenticates them. What changes in another process is seen within a second.
 *
 * When the store is away, nobody is authenticated: every method that needs it rejects with its StoreUnavailableError.
 */
export class ClientRegistry implements Clients {
  /** The store again, where it can remember what may be used once only. */
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

  /** Milliseconds that the slow hash of a secret takes on this machine; 0 as long as no client is known to have such a secret. */
  get slowHashTime (): number { return this.#maker.slowHashes.time }

  /** Measures how long a slow hash takes, if any client has such a secret. Never rejects: it is measured later if the store is unavailable. */
  start (): Promise<void> { return this.#authenticator.start().catch(() => {}) }

  /**
   * Finds a client and compares its secret. An unknown client, a wrong or expired secret, a client that is disabled or may not
   * use this method are all undefined. Answers at once for a client that is remembered.
   *
   * @throws StoreUnavailableError, or rejects with it
   */
  readonly getClient: Clients['getClient'] = (context, sender) => this.#authenticator.authenticate(context, sender?.address)

  /** Is called by each flow that has these clients, with its methods: clients can be registered for them. */
  learnMethods (methods: AuthMethods): void {
    this.#methods = { ...this.#methods, ...methods }
  }

  /** Finds a client that is not disabled. Authenticates nobody. @throws StoreUnavailableError, or rejects with it */
  findClient (clientId: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    return this.#authenticator.find(clientId)
  }

  /**
   * Confirms a client immediately before it gets a token: what was read of it less than a second ago, and has not changed
   * since, is good; otherwise it is read and checked again.
   *
   * @returns the client as it is now; undefined if it may not have a token any more
   * @throws StoreUnavailableError, or rejects with it
   */
  confirm (client: OAuth2Client, context: ClientCredentialsTokenRequest<string | undefined>): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    return this.#authenticator.confirm(client, context)
  }

  /**
   * Adds a client. Tokens that a removed client of the same id had stay invalid.
   *
   * @returns the client, and its secret if one was generated
   * @throws FlowConfigurationError for a wrong registration, or an id that is taken
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
   * Adds clients, all in one atomic step. One whose id is there already is left as it is; of two with one id the first counts.
   *
   * @throws FlowConfigurationError for a wrong registration; then none is added
   */
  async addAll (
    clients: readonly NewClient[], options: AddOptions = {}
  ): Promise<Array<{ id: string, isAdded: boolean, secret: IssuedSecret | undefined }>> {
    const { beforeCommit, by } = checkAddOptions(options)
    const made: Array<Awaited<ReturnType<typeof makeClient>>> = []
    // One after the other: slow hashes must leave room for those who log in.
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
   * @returns `next` undefined behind the last client
   * @throws RangeError
   */
  async list (page: ListOptions = {}): Promise<{ clients: RegisteredClient[], next: string | undefined }> {
    const { after, limit = PAGE } = checkListOptions(page)
    // One more, to see whether there are others.
    const found = await this.#store.listClients({ limit: limit + 1, ...(after !== undefined && { after }) })
    const clients = found.slice(0, limit)
    const lastUseOf = await this.#uses.find(clients.map(({ id }) => id))
    return { clients: clients.map((client) => toRegisteredClient(client, lastUseOf)), next: found.length > limit ? clients.at(-1)?.id : undefined }
  }

  /**
   * Changes what is registered of a client: what is not named stays, what is named undefined is taken back. Does NOT revoke
   * access tokens.
   *
   * @returns undefined for a client that is not there
   * @throws FlowConfigurationError for what would be a wrong registration
   */
  async update (id: string, changes: ClientChanges, change: ClientChangeOptions = {}): Promise<RegisteredClient | undefined> {
    const by = changedBy(change)
    const audit = this.#changes.record(by, 'client', id, 'updated', { members: Object.keys(changes) })
    return await this.#show(await this.#changes.change(id, 'updated', (client) => ({ client: applyChanges(client, changes, this.#methods) }), audit))
  }

  /**
   * Disables a client: it gets no more tokens, and every process rejects those that it has within a second. Enabling it
   * revives none of them.
   *
   * @returns undefined for a client that is not there
   */
  async disable (id: string, change: ClientChangeOptions = {}): Promise<RegisteredClient | undefined> {
    const by = changedBy(change)
    return await this.#show(await this.#changes.change(id, 'disabled', (client) => this.#changes.raised({ ...client, isDisabled: true }), this.#changes.record(by, 'client', id, 'disabled')))
  }

  /** Enables a client that was disabled: it gets tokens again. @returns undefined for a client that is not there */
  async enable (id: string, change: ClientChangeOptions = {}): Promise<RegisteredClient | undefined> {
    const by = changedBy(change)
    const enabled = ({ isDisabled, ...client }: StoredClient) => this.#changes.raised(client)
    return await this.#show(await this.#changes.change(id, 'enabled', enabled, this.#changes.record(by, 'client', id, 'enabled')))
  }

  /** Removes a client with all of its secrets. Every process rejects its access tokens within a second. @returns false for one that is not there */
  async remove (id: string, change: ClientChangeOptions = {}): Promise<boolean> {
    const by = changedBy(change)
    return await this.#changes.remove(id, by)
  }

  /** Revokes all access tokens of a client: every process rejects them within a second. It may get others. @returns false for a client that is not there */
  async revokeTokens (id: string, change: ClientChangeOptions = {}): Promise<boolean> {
    const by = changedBy(change)
    return await this.#changes.change(id, 'tokens_revoked', (client) => this.#changes.raised(client), this.#changes.record(by, 'tokens', id, 'revoked')) !== undefined
  }

  /**
   * Revokes all access tokens of all clients: every process rejects them within a second.
   *
   * @throws TypeError for a store that keeps no entries
   */
  async revokeAllTokens (change: ClientChangeOptions = {}): Promise<void> {
    const by = changedBy(change)
    if (this.entries === undefined) throw new TypeError('The store keeps no entries')
    await this.entries.raiseAll(this.#changes.record(by, 'tokens', '', 'revoked'))
  }

  /**
   * Generates a new secret for a client. Those that it has stay valid for a while, unless they expire earlier.
   *
   * @returns undefined for a client that is not there
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
   * Revokes a secret of a client: no process accepts it after a second. Access tokens that were obtained with it stay valid:
   * {@link revokeTokens} ends them.
   *
   * @returns false for one that is not there
   */
  async revokeSecret (id: string, secretId: string, change: ClientChangeOptions = {}): Promise<boolean> {
    const by = changedBy(change)
    const client = await this.#changes.change(id, 'secret_revoked', (stored) => {
      const secrets = stored.secrets.filter((secret) => secret.id !== secretId)
      return secrets.length < stored.secrets.length ? { client: { ...stored, secrets }, revokedSecretIds: [secretId] } : undefined
    }, this.#changes.record(by, 'secret', `${id} ${secretId}`, 'revoked'), secretId)
    return client !== undefined
  }

  /** Writes what is known of the last uses of secrets. Call it before the process ends. @throws StoreUnavailableError */
  async flush (): Promise<void> {
    await this.#uses.flush()
  }

  async #show (client: StoredClient | undefined): Promise<RegisteredClient | undefined> {
    return client && toRegisteredClient(client, await this.#uses.find([client.id]))
  }
}
