import type { FailureThrottle } from '../throttle/failure-throttle.ts'
import type { RejectionDelay } from '../throttle/rejection-delay.ts'
import type { AssertionRules } from './assertion/rules.ts'
import type { ClientAuthMethod, VerifiedClient } from './client-auth-method.ts'
import type { ClientCredentialsTokenRequest, Clients, GetClientOf } from './clients.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/** The settings of client authentication. */
export interface ClientAuthSettings extends AssertionRules {
  readonly realm: string
  readonly clientAuthMethods: readonly ClientAuthMethod[]
  readonly getClient: GetClientOf
  /** Where the clients are kept that getClient finds, if it is filled by that. */
  readonly clients?: Clients | undefined
  /** Stops the guessing of secrets. Undefined for an application that does so itself. */
  readonly throttle?: FailureThrottle | undefined
  /** Lets rejections leave at a fixed time. Undefined for none. */
  readonly heldRejections?: RejectionDelay | undefined
}

/** A client that has authenticated, and the request that getClient has decided on. */
export interface AuthenticatedClient {
  readonly client: OAuth2Client
  readonly context: ClientCredentialsTokenRequest<string | undefined>
  readonly recheck?: VerifiedClient['recheck'] | undefined
}
