import type { AuthCredentials } from './credentials.ts'

/** Credentials as verifyToken returns them: the scope may also be a space-separated string, or absent when there is none. */
export interface VerifiedCredentials extends Omit<AuthCredentials, 'scope'> {
  /** The scopes of the token: a list, or a space-separated string. */
  scope?: string | readonly string[] | undefined
}

/** Credentials as routes get them: those that verifyToken has returned, with the scopes as a list. */
export type CredentialsWithScopeList<Credentials extends VerifiedCredentials> =
  Credentials extends AuthCredentials ? Credentials : Omit<Credentials, 'scope'> & Pick<AuthCredentials, 'scope'>
