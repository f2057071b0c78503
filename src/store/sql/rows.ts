// What the columns of a row mean. A client, a token and the keys are JSON: what is a column too is what a statement looks for.
import type { KeySet, Revocation, SecretUse, StoredClient, StoredToken } from '../index.ts'
import type { Row, Value } from './database.ts'

export function toKeySet ({ version, body }: Row): KeySet {
  return { version: Number(version), keys: JSON.parse(String(body)) as KeySet['keys'] }
}

export function toRevocation ({ kind, id, issued_before: issuedBefore, expires_at: expiresAt }: Row): Revocation {
  return kind === 'client'
    ? { kind, id: String(id), issuedBefore: Number(issuedBefore), expiresAt: Number(expiresAt) }
    : { kind: 'token', id: String(id), expiresAt: Number(expiresAt) }
}

export function fromRevocation (revocation: Revocation): Value[] {
  const { kind, id, expiresAt } = revocation
  return [kind, id, kind === 'client' ? revocation.issuedBefore : null, expiresAt]
}

export function toToken ({ body }: Row): StoredToken {
  return JSON.parse(String(body)) as StoredToken
}

export function toClient ({ body }: Row): StoredClient {
  return JSON.parse(String(body)) as StoredClient
}

/** Its version, whether it has an imported secret, and all of it. */
export function fromClient (client: StoredClient): Value[] {
  return [client.version, client.secrets.some(({ isImported }) => isImported === true) ? 1 : 0, JSON.stringify(client)]
}

export function toSecretUse ({ client_id: clientId, secret_id: secretId, used_at: usedAt }: Row): SecretUse {
  return { clientId: String(clientId), secretId: String(secretId), usedAt: Number(usedAt) }
}
