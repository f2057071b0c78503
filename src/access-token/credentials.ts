// Nothing but the interfaces that applications augment: they are exported by star, since a module declaration cannot augment what is
// re-exported by name.

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
