import type { StoredClient, StoredSecret } from '../stores/contracts/index.ts'
import type { ClientRegistration } from './client-fields.ts'
import { registrationOf } from './validate-registration.ts'

/** The public data of a client secret. Times are in seconds since 1970. */
export interface ClientSecret {
  /** The identifier of the secret, for revokeSecret. Reveals nothing of the secret. */
  id: string
  /** Whether it was chosen elsewhere, and so is hashed slowly. */
  isImported: boolean
  /** Seconds since 1970. */
  createdAt: number
  /** Seconds since 1970. Undefined if it does not expire. */
  expiresAt: number | undefined
  /** Seconds since 1970, to the minute. Written in batches, so up to about a minute late. */
  lastUsedAt: number | undefined
}

/** A client as operators see it. Times are in seconds since 1970. */
export interface RegisteredClient extends ClientRegistration {
  /** The client_id. */
  id: string
  scopes: readonly string[]
  /** Whether it gets no tokens until it is re-enabled. */
  isDisabled: boolean
  /** The public data of its secrets, including those that have expired since the last change. */
  secrets: readonly ClientSecret[]
  /** Seconds since 1970. */
  createdAt: number
  /** Seconds since 1970, of the last change other than a last-used time. */
  updatedAt: number
}

/** Returns the public part of a stored client, without hashes. */
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
