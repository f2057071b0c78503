import type { Entries } from '../entries/entries.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import type { AuditStore } from '../stores/contracts/audit-store.ts'
import type { ReplayStore } from '../stores/contracts/replay-store.ts'
import type { ClientNeeds } from '../stores/contracts/settings-store.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/**
 * The token request that `getClient` decides on: the presented credentials, which are not checked yet, and what is asked for. A
 * copy: the callback may change it. `Secret` is `string | undefined` where a method of the flow works without secrets.
 */
export interface ClientCredentialsTokenRequest<Secret extends string | undefined = string> {
  /** The client_id that was presented. */
  clientId: string
  /** The secret that was presented, to be compared in constant time. Undefined when a method without secrets has proven the client. */
  clientSecret: Secret
  /** Always "client_credentials". */
  grantType: string
  /** The scopes that were asked for; undefined when the request named none. */
  scope: string[] | undefined
  /** The name of the method that found the credentials, such as "client_secret_basic". */
  clientAuthMethod: string
  /** The client that the method has found on its way, if it needs one: by its keys, or by its certificate. */
  clientAuthData?: Partial<OAuth2Client> | undefined
  /**
   * The scheme and authority by which this server was reached, such as "https://auth.example.com": from the `Request`, or from the
   * configuration of the plugin (its `origin`, else the issuer). Empty where neither is set, since a Host field is the client's.
   */
  origin: string
}

/**
 * Finds a client and compares its secret. Undefined, for an unknown client and for a wrong secret alike, is invalid_client;
 * an exception is a 500 server_error whose cause is logged. This callback must compare the secret. The library never does.
 */
export type GetClient<Client extends OAuth2Client = OAuth2Client, Secret extends string | undefined = string | undefined> = (request: ClientCredentialsTokenRequest<Secret>) => Client | undefined | Promise<Client | undefined>

/** Where a request came from. Its address is undefined where that is not known. */
export type Sender = Pick<TokenRequest, 'address'>

/** {@link GetClient}, with the sender of the request, whose address pays for slow hashes. */
export type GetClientOf = (request: ClientCredentialsTokenRequest<string | undefined>, sender?: Sender) => ReturnType<GetClient>

/** Where clients are kept that are known by more than a secret: what `useClients` takes. */
export interface Clients {
  /** Is called with the methods of each flow that has these clients, by name: clients can be registered for them. */
  learnMethods?(methods: Readonly<Record<string, ClientNeeds>>): void
  readonly getClient: GetClientOf
  /**
   * Finds a client without authenticating it, for a method that proves by keys of the client who asks.
   *
   * @returns undefined for one that is unknown or disabled
   */
  findClient (clientId: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined>
  /** Where assertions and proofs are remembered that were used, when the store of the clients can do that too. */
  readonly replays?: ReplayStore | undefined
  /**
   * Confirms a client immediately before it gets a token: reads and checks it again, unless that was done less than a second
   * ago and it has not changed since.
   *
   * @param client what getClient has returned for the same context
   * @returns the client as it is now; undefined if it may not have a token any more
   */
  confirm?(client: OAuth2Client, context: ClientCredentialsTokenRequest<string | undefined>): OAuth2Client | undefined | Promise<OAuth2Client | undefined>
  /** The entries of the store of the clients. */
  readonly entries?: Entries | undefined
  /** The audit records of the store of the clients. Left out where it keeps none. */
  readonly audit?: AuditStore | undefined
  /** Prepares authentication. The flow calls it when it starts. */
  start?(): Promise<void>
  /**
   * Milliseconds that the slow hash of a secret takes on this machine, as it was measured; 0 where no client has a secret that is
   * hashed slowly. Unless the flow has a `rejectionDelay`, rejections leave after twice this time.
   */
  readonly slowHashTime?: number
  /** Writes what was put off, such as when secrets were used last. The plugin calls it when the server closes. */
  flush?(): Promise<void>
}
