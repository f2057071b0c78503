import type { Entries } from '../entries/entries.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import type { AuditStore } from '../stores/contracts/audit-store.ts'
import type { ReplayStore } from '../stores/contracts/replay-store.ts'
import type { ClientNeeds } from '../stores/contracts/settings-store.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/**
 * The token request for `getClient`: the presented credentials, not yet verified, and the requested scopes. It is a copy that the
 * callback may modify. `Secret` is `string | undefined` if a method of the flow works without secrets.
 */
export interface ClientCredentialsTokenRequest<Secret extends string | undefined = string> {
  /** The presented client_id. */
  clientId: string
  /** The presented secret. Compare it in constant time. Undefined if a method without secrets has authenticated the client. */
  clientSecret: Secret
  /** Always "client_credentials". */
  grantType: string
  /** The requested scopes; undefined if the request has no scope parameter. */
  scope: string[] | undefined
  /** The name of the method that found the credentials, such as "client_secret_basic". */
  clientAuthMethod: string
  /** The client that the method has already found, by its keys or its certificate. */
  clientAuthData?: Partial<OAuth2Client> | undefined
  /**
   * The scheme and authority of this server's public URL, such as "https://auth.example.com": from the `Request`, or from the
   * configuration of the plugin (its `origin`, else the issuer). Empty if neither is set, because the client controls the Host field.
   */
  origin: string
}

/**
 * Finds a client and compares its secret. Undefined, for an unknown client and a wrong secret alike, is invalid_client.
 * An exception is a 500 server_error whose cause is logged. This callback must compare the secret. The library never does.
 */
export type GetClient<Client extends OAuth2Client = OAuth2Client, Secret extends string | undefined = string | undefined> = (request: ClientCredentialsTokenRequest<Secret>) => Client | undefined | Promise<Client | undefined>

/** The source of a request. Its address is undefined if unknown. */
export type Sender = Pick<TokenRequest, 'address'>

/** {@link GetClient} with the sender of the request, whose address is charged for slow hashes. */
export type GetClientOf = (request: ClientCredentialsTokenRequest<string | undefined>, sender?: Sender) => ReturnType<GetClient>

/** A client registry: the argument of `useClients`. */
export interface Clients {
  /** Called with the methods of each flow that uses this registry, by name, so that clients can be registered for them. */
  learnMethods?(methods: Readonly<Record<string, ClientNeeds>>): void
  readonly getClient: GetClientOf
  /**
   * Finds a client without authenticating it, for a method that verifies by the client's keys.
   *
   * @returns undefined for an unknown or disabled client
   */
  findClient (clientId: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined>
  /** The store in which used assertions and proofs are reserved, if the client store supports that. */
  readonly replays?: ReplayStore | undefined
  /**
   * Confirms a client immediately before a token is issued: reads and verifies it again, unless that was done less than a second
   * ago and it has not changed since.
   *
   * @param client the client that getClient returned for the same context
   * @returns the current client; undefined if it may no longer get a token
   */
  confirm?(client: OAuth2Client, context: ClientCredentialsTokenRequest<string | undefined>): OAuth2Client | undefined | Promise<OAuth2Client | undefined>
  /** The entries of the client store. */
  readonly entries?: Entries | undefined
  /** The audit records of the client store. Omitted if it keeps none. */
  readonly audit?: AuditStore | undefined
  /** Prepares authentication. The flow calls it when it starts. */
  start?(): Promise<void>
  /**
   * The measured time of a slow hash on this machine, in milliseconds; 0 if no client has a slowly hashed secret. Unless the flow has a
   * `rejectionDelay`, rejections are sent after twice this time.
   */
  readonly slowHashTime?: number
  /** Writes pending data, such as last-used times of secrets. The plugin calls it when the server closes. */
  flush?(): Promise<void>
}
