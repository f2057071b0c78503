// Contains only the interfaces that applications augment. They are exported with a star, since a module declaration cannot augment
// a type that is re-exported by name.

/** The client application behind a token. Augment it by module declaration to add your own members. */
export interface AppCredentials {
  /** The client_id. */
  id: string
}

/** The verified credentials of a caller. Augment it by module declaration to add your own members. */
export interface AuthCredentials {
  /** The client that calls. */
  app: AppCredentials
  /** The scopes of the token. */
  scope: readonly string[]
  /** The verified claims of a JWT, frozen. For an opaque token, its additional claims, if any. Omitted for introspected tokens. */
  claims?: Readonly<Record<string, unknown>>
}
