import { GRANT_TYPE, toClientMetadata } from '../../src/adapter.ts'
import type { ClientSecret, IssuedSecret } from '../../src/adapter.ts'
import type { RegisteredClient } from '../../src/index.ts'

// RFC 7591 §3.2.1: 0 is never.
const NEVER = 0

/** Writes a client as RFC 7591 §3.2.1 has it, with the secret that was just made, if one was. */
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

/** Writes a secret that was just made. */
export function toIssuedSecret ({ secret, expiresAt = NEVER }: IssuedSecret): object {
  return { client_secret: secret, client_secret_expires_at: expiresAt }
}

function toSecretInformation ({ id, createdAt, expiresAt = NEVER, lastUsedAt, isImported }: ClientSecret): object {
  return { secret_id: id, created_at: createdAt, expires_at: expiresAt, last_used_at: lastUsedAt, imported: isImported }
}
