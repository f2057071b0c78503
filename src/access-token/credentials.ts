/** The client application behind a token. Augment it by module declaration to add your own members. */
export interface AppCredentials {
  /** The client_id. */
  id: string
}

/** Who calls, as a verified token says. Augment it by module declaration to add your own members. */
export interface AuthCredentials {
  /** The client that calls. */
  app: AppCredentials
  /** The scopes of the token. */
  scope: readonly string[]
  /** The verified claims of a JWT, frozen. An opaque token has them where there are further claims. Left out for introspected tokens. */
  claims?: Readonly<Record<string, unknown>>
}

/** Credentials as verifyToken returns them: the scope may also be a space-separated string, or absent when there is none. */
export interface VerifiedCredentials extends Omit<AuthCredentials, 'scope'> {
  /** The scopes of the token: a list, or a space-separated string. */
  scope?: string | readonly string[] | undefined
}

/** Credentials as routes get them: those that verifyToken has returned, with the scopes as a list. */
export type CredentialsWithScopeList<Credentials extends VerifiedCredentials> =
  Credentials extends AuthCredentials ? Credentials : Omit<Credentials, 'scope'> & Pick<AuthCredentials, 'scope'>
