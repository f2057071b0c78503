/** The stored data of an opaque access token, without the token itself. Times are in seconds since 1970. */
export interface StoredToken {
  /** The client that it was issued to. */
  clientId: string
  /** Its scopes. */
  scope: readonly string[]
  /** The audience of the token. */
  audience: readonly string[]
  /** Seconds since 1970. */
  issuedAt: number
  /** Seconds since 1970. */
  expiresAt: number
  /** The generation of the client that it was issued to. Left out for 0. */
  generation?: number
  /** The `cnf` claim: the key or certificate that the token is bound to. Undefined for a bearer token. */
  confirmation?: Readonly<Record<string, string>>
  /** Further claims, of any JSON type. Omitted if there are none. */
  claims?: Readonly<Record<string, unknown>>
}

/** Keeps opaque access tokens under their hash until they expire. */
export interface TokenStore {
  /** Stores a token under its hash, at least until it expires. */
  saveToken (hash: string, token: StoredToken): Promise<void>
  /** Finds a token by its hash. @returns undefined for one that is unknown, was removed, or has expired */
  findToken (hash: string): Promise<StoredToken | undefined>
  /** Removes a token. Does nothing if it does not exist. */
  removeToken (hash: string): Promise<void>
}
