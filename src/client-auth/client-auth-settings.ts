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
  /** The client registry, if getClient is filled by one. */
  readonly clients?: Clients | undefined
  /** Limits guessing of secrets. Undefined if the application limits it. */
  readonly throttle?: FailureThrottle | undefined
  /** Sends rejections at a fixed time. Undefined for no delay. */
  readonly heldRejections?: RejectionDelay | undefined
}

/** An authenticated client, and the request on which getClient has decided. */
export interface AuthenticatedClient {
  readonly client: OAuth2Client
  readonly context: ClientCredentialsTokenRequest<string | undefined>
  readonly recheck?: VerifiedClient['recheck'] | undefined
}
