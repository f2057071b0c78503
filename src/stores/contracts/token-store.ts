/** An opaque access token as it is stored: never the token. Times are in seconds since 1970. */
export interface StoredToken {
  /** The client that it was issued to. */
  clientId: string
  /** Its scopes. */
  scope: readonly string[]
  /** What it is for. */
  audience: readonly string[]
  /** Seconds since 1970. */
  issuedAt: number
  /** Seconds since 1970. */
  expiresAt: number
  /** The generation of the client that it was issued to. Left out for 0. */
  generation?: number
  /** What it is bound to. Undefined for a bearer token. */
  confirmation?: Readonly<Record<string, string>>
  /** Further claims, of any type that JSON has. Left out for none. */
  claims?: Readonly<Record<string, unknown>>
}

/** Keeps opaque access tokens under their hash until they expire. */
export interface TokenStore {
  /** Keeps a token under its hash until it expires, at least. */
  saveToken (hash: string, token: StoredToken): Promise<void>
  /** @returns undefined for one that is unknown, was removed, or has expired */
  findToken (hash: string): Promise<StoredToken | undefined>
  /** Forgets a token. Nothing if it is not there. */
  removeToken (hash: string): Promise<void>
}
