import type { GetClientContext, OAuth2Client } from '../client-auth/index.ts'
import type { Clock } from '../clock.ts'
import type { ClientStore, StoredClient } from '../store/index.ts'
import { ClientCache } from './client-cache.ts'
import type { PresentedSecret, SecretHashes } from './client-secret-hash.ts'
import { ClientSecrets } from './client-secrets.ts'
import type { ComparableSecrets } from './client-secrets.ts'
import { ImportedSecrets } from './imported-secrets.ts'
import { isClientId } from './new-client.ts'
import { toOAuth2Client } from './oauth2-client.ts'
import type { NotedSecret, SecretUses } from './secret-uses.ts'
import type { SlowSecretHashes } from './slow-secret-hash.ts'
import { VerifiedSecrets } from './verified-secrets.ts'

/** A client as it is remembered: ready to authenticate by. */
interface KnownClient {
  readonly client: OAuth2Client
  readonly isDisabled: boolean
  readonly authMethods: readonly string[] | undefined
  readonly secrets: ComparableSecrets
}

/** What clients are authenticated by. */
export interface ClientAuthenticatorOptions {
  hashes: SecretHashes
  slowHashes: SlowSecretHashes
  uses: SecretUses
  cacheSize: number
  cacheMaxAge: number
  onError: ((error: Error) => void) | undefined
  now: Clock
}

/**
 * Authenticates the clients of a store. Who is remembered is let in without a look at the store; nobody is refused without
 * one. So a secret that was made elsewhere a moment ago is good here at once, and a refusal does not tell by its time whether
 * there is such a client.
 */
export class ClientAuthenticator {
  readonly #cache: ClientCache<KnownClient>
  readonly #secrets: ClientSecrets
  readonly #imported: ImportedSecrets
  readonly #uses: SecretUses

  constructor (store: ClientStore, { hashes, slowHashes, uses, cacheSize, cacheMaxAge, onError, now }: ClientAuthenticatorOptions) {
    this.#imported = new ImportedSecrets(store, { onError })
    this.#secrets = new ClientSecrets({ hashes, slowHashes, verified: new VerifiedSecrets(now), imported: this.#imported, now })
    this.#cache = new ClientCache(store, { max: cacheSize, maxAge: cacheMaxAge, prepare: (client) => this.#prepare(client), onError, now })
    this.#uses = uses
  }

  /** @see ClientRegistry.getClient */
  authenticate ({ clientId, clientSecret, authMethod }: GetClientContext): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    // A method without secrets has proven the client: what is left is whether it is there and may do so.
    if (clientSecret === undefined) return this.find(clientId, authMethod)
    const presented = this.#secrets.present(clientSecret)
    const known = this.#cache.get(clientId)
    const secret = this.#secrets.recognise(known?.secrets ?? this.#secrets.nobody, presented)
    return this.#admit(known, secret, authMethod) ?? this.#authenticateAnew(clientId, presented, authMethod)
  }

  /** @see ClientRegistry.findClient */
  find (clientId: string, authMethod?: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined> {
    const known = this.#cache.get(clientId)
    return known !== undefined && isAllowed(known, authMethod) ? known.client : this.#findAnew(clientId, authMethod)
  }

  /** Takes note of clients that were added in this process. */
  added (clients: readonly StoredClient[]): void {
    if (clients.some(({ secrets }) => secrets.some(({ isImported }) => isImported))) this.#imported.add()
  }

  /** Takes note of a client that was changed in this process. */
  changed (id: string): void {
    this.#cache.forget(id)
  }

  async #authenticateAnew (clientId: string, presented: PresentedSecret, authMethod: string): Promise<OAuth2Client | undefined> {
    const known = await this.#read(clientId)
    const secrets = known?.secrets ?? this.#secrets.nobody
    const secret = this.#secrets.recognise(secrets, presented) ?? await this.#secrets.compareSlowly(secrets, presented)
    return this.#admit(known, secret, authMethod)
  }

  async #findAnew (clientId: string, authMethod: string | undefined): Promise<OAuth2Client | undefined> {
    const known = await this.#read(clientId)
    return known !== undefined && isAllowed(known, authMethod) ? known.client : undefined
  }

  // What can be no client_id might be more than a database takes.
  async #read (clientId: string): Promise<KnownClient | undefined> {
    return isClientId(clientId) ? await this.#cache.read(clientId) : undefined
  }

  #admit (known: KnownClient | undefined, secret: NotedSecret | undefined, authMethod: string): OAuth2Client | undefined {
    if (known === undefined || secret === undefined || !isAllowed(known, authMethod)) return undefined
    this.#uses.note(known.client.id, secret)
    return known.client
  }

  #prepare (client: StoredClient): KnownClient {
    const { id, isDisabled = false, authMethods, secrets } = client
    return { client: toOAuth2Client(client), isDisabled, authMethods, secrets: this.#secrets.prepare(id, secrets) }
  }
}

function isAllowed ({ isDisabled, authMethods }: KnownClient, authMethod: string | undefined): boolean {
  return !isDisabled && (authMethod === undefined || authMethods === undefined || authMethods.includes(authMethod))
}
