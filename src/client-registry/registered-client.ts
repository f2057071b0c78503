import type { StoredClient, StoredSecret } from '../stores/contracts/index.ts'
import type { ClientRegistration } from './client-fields.ts'
import { registrationOf } from './validate-registration.ts'

/** A secret of a client, as far as anybody may know it. Times are in seconds since 1970. */
export interface ClientSecret {
  /** Names the secret, and tells nothing of it: for revokeSecret. */
  id: string
  /** Whether somebody else has chosen it, so that it is hashed slowly. */
  isImported: boolean
  /** Seconds since 1970. */
  createdAt: number
  /** Undefined for one that does not expire. */
  expiresAt: number | undefined
  /** To the minute, and written in batches: a minute late, or so. */
  lastUsedAt: number | undefined
}

/** A client as operators see it. Times are in seconds since 1970. */
export interface RegisteredClient extends ClientRegistration {
  /** The client_id. */
  id: string
  scopes: readonly string[]
  /** Whether it gets no tokens until it is enabled. */
  isDisabled: boolean
  /** What may be known of its secrets, those that have expired since the last change included. */
  secrets: readonly ClientSecret[]
  /** Seconds since 1970. */
  createdAt: number
  /** Seconds since 1970, of the last change but to the use of its secrets. */
  updatedAt: number
}

/** Returns the part of a stored client that may be shown: no hash. */
export function toRegisteredClient (
  client: StoredClient, lastUseOf: (clientId: string, secretId: string) => number | undefined
): RegisteredClient {
  const { id, isDisabled = false, secrets, createdAt, updatedAt } = client
  return {
    id,
    ...registrationOf(client),
    isDisabled,
    secrets: secrets.map((secret) => toClientSecret(secret, lastUseOf(id, secret.id))),
    createdAt,
    updatedAt
  }
}

function toClientSecret ({ id, isImported = false, createdAt, expiresAt }: StoredSecret, lastUsedAt: number | undefined): ClientSecret {
  return { id, isImported, createdAt, expiresAt, lastUsedAt }
}
