import type { ClientCredentialsTokenRequest } from '../client-auth/clients.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import type { Entries } from '../entries/entries.ts'
import { toUnavailable } from '../entries/to-unavailable.ts'
import type { Age } from '../lib/age.ts'
import { ReadTimeout } from '../lib/background-refresh.ts'
import type { Clock } from '../lib/clock.ts'
import type { ClientStore, StoredClient } from '../stores/contracts/index.ts'
import { ClientCache } from './client-cache.ts'
import { isClientId } from './new-client.ts'
import { ClientSecrets } from './secrets/client-secrets.ts'
import type { ComparableSecrets } from './secrets/client-secrets.ts'
import type { PresentedSecret, SecretHashes } from './secrets/fast-secrets.ts'
import { HasImportedSecrets } from './secrets/has-imported-secrets.ts'
import type { NotedSecret, SecretUses } from './secrets/secret-uses.ts'
import { SecretVerificationCache } from './secrets/secret-verification-cache.ts'
import type { SlowSecretHashes } from './secrets/slow-secret-hash.ts'
import { toOAuth2Client } from './to-oauth2-client.ts'
import { registrationOf } from './validate-registration.ts'

/** A cached client, prepared for authentication. */
interface KnownClient {
  readonly client: OAuth2Client
  readonly isDisabled: boolean
  readonly authMethods: readonly string[] | undefined
  readonly secrets: ComparableSecrets
  /** The generation that tokens of the client carry, at the time of the read. */
  readonly generation: number
  readonly age: Age
}

/** Options of the client authenticator. */
export interface ClientAuthenticatorOptions {
  hashes: SecretHashes
  slowHashes: SlowSecretHashes
  uses: SecretUses
  cacheSize: number
  cacheMaxAge: number
  entries: Entries | undefined
  onError: ((error: Error) => void) | undefined
  now: Clock
}

// Milliseconds. A client that was read or confirmed within this time is not read again before a token is issued.
const CONFIRMED_FOR = 1000

/**
 * Authenticates the clients of a store. A cached client is accepted without a read of the store, and none is rejected without one.
 * So a secret that another process has just issued is valid here immediately. The time of a rejection depends on the client, but
 * callers cannot observe it, because the endpoints send rejections at a fixed time.
 */
export class ClientAuthenticator {
  readonly #cache: ClientCache<KnownClient>
  readonly #secrets: ClientSecrets
  readonly #imported: HasImportedSecrets
  readonly #slowHashes: SlowSecretHashes
  readonly #uses: SecretUses
  readonly #entries: Entries | undefined
  // The data that was read of clients with a request in progress.
  readonly #known = new WeakMap<OAuth2Client, KnownClient>()

  constructor (store: ClientStore, { hashes, slowHashes, uses, cacheSize, cacheMaxAge, entries, onError, now }: ClientAuthenticatorOptions) {
    this.#slowHashes = slowHashes
    this.#imported = new HasImportedSecrets(store, { onError, now })
    this.#secrets = new ClientSecrets({ hashes, slowHashes, verified: new SecretVerificationCache(now), imported: this.#imported, now })
    this.#cache = new ClientCache(store, {
      max: cacheSize, maxAge: cacheMaxAge, prepare: (client, age) => this.#prepare(client, age), entries, onError, now
    })
    this.#uses = uses
    this.#entries = entries
  }

  /** @see ClientRegistry.start */
  async start (): Promise<void> {
    if (await this.#imported.exist()) await this.#slowHashes.measure()
  }

  /** @see ClientRegistry.getClient */
  authenticate (context: ClientCredentialsTokenRequest<string | undefined>, address?: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    return this.#withEntries(() => this.#authenticate(context, address))
  }

  /** @see ClientRegistry.findClient */
  find (clientId: string, clientAuthMethod?: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    return this.#withEntries(() => this.#find(clientId, clientAuthMethod))
  }

  /** @see ClientRegistry.confirm */
  confirm (client: OAuth2Client, context: ClientCredentialsTokenRequest<string | undefined>): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    const known = this.#known.get(client)
    const isConfirmed = known !== undefined && !this.#isOutdated(known) && (known.age() < CONFIRMED_FOR || this.#cache.get(client.id) === known)
    return isConfirmed ? client : this.#confirmAnew(context)
  }

  /** Updates the caches after this process has added clients. */
  added (clients: readonly StoredClient[]): void {
    if (clients.some(({ secrets }) => secrets.some(({ isImported }) => isImported))) this.#imported.add()
  }

  /** Updates the caches after this process has changed a client. */
  changed (id: string): void {
    this.#cache.forget(id)
  }

  // Stale entries could name a generation with which no token is accepted any more.
  #withEntries<T> (work: () => T | Promise<T>): T | Promise<T> {
    const refresh = this.#entries?.refresh
    const reading = refresh?.whenStale(0)
    if (refresh === undefined || reading === undefined) return work()
    return reading.then(() => {
      if (!refresh.isUsable(0)) throw toUnavailable(refresh.error ?? new ReadTimeout('The entries were too old when they had been read'))
      return work()
    })
  }

  #authenticate ({ clientId, clientSecret, clientAuthMethod }: ClientCredentialsTokenRequest<string | undefined>, address: string | undefined): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    // A method without secrets has authenticated the client: what remains is whether it exists and may use the method.
    if (clientSecret === undefined) return this.#find(clientId, clientAuthMethod)
    const presented = this.#secrets.present(clientSecret)
    const known = this.#cached(clientId)
    const secret = this.#secrets.recognise(known?.secrets ?? this.#secrets.nobody, presented)
    return this.#admit(known, secret, clientAuthMethod) ?? this.#authenticateAnew(clientId, presented, clientAuthMethod, address)
  }

  #find (clientId: string, clientAuthMethod: string | undefined): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    const known = this.#cached(clientId)
    return known !== undefined && isAllowed(known, clientAuthMethod) ? known.client : this.#findAnew(clientId, clientAuthMethod)
  }

  async #authenticateAnew (clientId: string, presented: PresentedSecret, clientAuthMethod: string, address: string | undefined): Promise<OAuth2Client | undefined> {
    const known = await this.#read(clientId)
    const secrets = known?.secrets ?? this.#secrets.nobody
    const secret = this.#secrets.recognise(secrets, presented) ?? await this.#secrets.compareSlowly(secrets, presented, address)
    return this.#admit(known, secret, clientAuthMethod)
  }

  async #findAnew (clientId: string, clientAuthMethod: string | undefined): Promise<OAuth2Client | undefined> {
    const known = await this.#read(clientId)
    return known !== undefined && isAllowed(known, clientAuthMethod) ? known.client : undefined
  }

  // A slowly hashed secret was verified a moment ago, so the verification cache has it.
  async #confirmAnew ({ clientId, clientSecret, clientAuthMethod }: ClientCredentialsTokenRequest<string | undefined>): Promise<OAuth2Client | undefined> {
    const known = await this.#read(clientId)
    if (known === undefined || !isAllowed(known, clientAuthMethod)) return undefined
    if (clientSecret === undefined) return known.client
    const secret = this.#secrets.recognise(known.secrets, this.#secrets.present(clientSecret))
    return secret !== undefined && !this.#isRevoked(known, secret) ? known.client : undefined
  }

  // A string that cannot be a client_id may be longer than a database accepts.
  async #read (clientId: string): Promise<KnownClient | undefined> {
    return isClientId(clientId) ? await this.#cache.read(clientId) : undefined
  }

  #cached (clientId: string): KnownClient | undefined {
    const known = this.#cache.get(clientId)
    return known !== undefined && !this.#isOutdated(known) ? known : undefined
  }

  #admit (known: KnownClient | undefined, secret: NotedSecret | undefined, clientAuthMethod: string): OAuth2Client | undefined {
    if (known === undefined || secret === undefined || !isAllowed(known, clientAuthMethod) || this.#isRevoked(known, secret)) return undefined
    this.#uses.note(known.client.id, secret)
    return known.client
  }

  // An entry that was read or written later is newer than the data of the client.
  #isOutdated ({ client, generation, secrets }: KnownClient): boolean {
    const entries = this.#entries
    if (entries === undefined) return false
    return entries.floorOf(client.id) > generation || [secrets.fast, secrets.slow].some((list) => list.some(({ id }) => entries.isSecretRevoked(client.id, id)))
  }

  #isRevoked ({ client }: KnownClient, secret: NotedSecret): boolean {
    return this.#entries?.isSecretRevoked(client.id, secret.id) === true
  }

  // A store that has lost history may return an older client: then the entry of this process is used.
  #prepare (stored: StoredClient, age: Age): KnownClient {
    const { id, isDisabled = false, secrets, generation: own = 0 } = stored
    const entry = this.#entries?.client(id)
    const generation = Math.max(own, this.#entries?.floorOf(id) ?? 0)
    const known = {
      client: toOAuth2Client({ ...stored, generation }),
      isDisabled: isDisabled || (entry !== undefined && entry.generation >= own && entry.isDisabled),
      authMethods: registrationOf(stored).authMethods,
      secrets: this.#secrets.prepare(id, secrets),
      generation,
      age
    }
    this.#known.set(known.client, known)
    return known
  }
}

function isAllowed ({ isDisabled, authMethods }: KnownClient, clientAuthMethod: string | undefined): boolean {
  return !isDisabled && (clientAuthMethod === undefined || authMethods === undefined || authMethods.includes(clientAuthMethod))
}
