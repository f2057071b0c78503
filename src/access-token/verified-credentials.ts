import type { AuthCredentials } from './credentials.ts'

/** Credentials as verifyToken returns them: the scope may be an array, a space-separated string, or absent. */
export interface VerifiedCredentials extends Omit<AuthCredentials, 'scope'> {
  /** The scopes of the token: an array, or a space-separated string. */
  scope?: string | readonly string[] | undefined
}

/** Credentials as routes receive them: those of verifyToken, with the scopes as an array. */
export type CredentialsWithScopeList<Credentials extends VerifiedCredentials> =
  Credentials extends AuthCredentials ? Credentials : Omit<Credentials, 'scope'> & Pick<AuthCredentials, 'scope'>
