import type { ClientRegistration, StoredClient, StoredSecret } from '../store/index.ts'

/** A secret of a client, as far as anybody may know it. Times are in seconds since 1970. */
export interface ClientSecret {
  id: string
  isImported: boolean
  createdAt: number
  /** Undefined for one that does not expire. */
  expiresAt: number | undefined
  /** To the minute, and written in batches: a minute late, or so. */
  lastUsedAt: number | undefined
}

/** A client as operators see it. Times are in seconds since 1970. */
export interface RegisteredClient extends ClientRegistration {
  id: string
  scopes: readonly string[]
  isDisabled: boolean
  secrets: readonly ClientSecret[]
  createdAt: number
  updatedAt: number
}

/** Leaves of a stored client what may be shown: no hash. */
export function toRegisteredClient (
  { version, secrets, ...client }: StoredClient, lastUseOf: (clientId: string, secretId: string) => number | undefined
): RegisteredClient {
  return { ...client, isDisabled: client.isDisabled === true, secrets: secrets.map((secret) => toClientSecret(secret, lastUseOf(client.id, secret.id))) }
}

function toClientSecret ({ id, isImported = false, createdAt, expiresAt }: StoredSecret, lastUsedAt: number | undefined): ClientSecret {
  return { id, isImported, createdAt, expiresAt, lastUsedAt }
}
