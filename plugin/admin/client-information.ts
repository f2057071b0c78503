import { GRANT_TYPE, toClientMetadata } from '../../src/adapter.ts'
import type { ClientSecret, IssuedSecret } from '../../src/adapter.ts'
import type { RegisteredClient } from '../../src/index.ts'

// RFC 7591 §3.2.1: 0 means that the secret does not expire.
const NEVER = 0

/** Returns the client information of RFC 7591 §3.2.1, with the newly issued secret if there is one. */
export function toClientInformation (client: RegisteredClient, issued?: IssuedSecret): object {
  return {
    client_id: client.id,
    client_id_issued_at: client.createdAt,
    ...(issued && toIssuedSecret(issued)),
    ...toClientMetadata(client),
    grant_types: [GRANT_TYPE],
    disabled: client.isDisabled,
    updated_at: client.updatedAt,
    secrets: client.secrets.map(toSecretInformation)
  }
}

/** Returns the members of a newly issued secret. */
export function toIssuedSecret ({ secret, expiresAt = NEVER }: IssuedSecret): object {
  return { client_secret: secret, client_secret_expires_at: expiresAt }
}

function toSecretInformation ({ id, createdAt, expiresAt = NEVER, lastUsedAt, isImported }: ClientSecret): object {
  return { secret_id: id, created_at: createdAt, expires_at: expiresAt, last_used_at: lastUsedAt, imported: isImported }
}
