import { secretEntryId } from '../entries/entry-state.ts'
import { wrongClient } from '../errors/client-error.ts'
import type { Clock } from '../lib/clock.ts'
import type { AuditRecord, ClientStore, Entry, StoredClient, StoredSecret, Written } from '../stores/contracts/index.ts'

// Of concurrent changes to one client, one succeeds per attempt. So this many can run concurrently.
const MAX_ATTEMPTS = 100
// Each secret is compared with the presented one.
const MAX_SECRETS = 20

/** A change of a client. */
export interface ClientUpdate {
  readonly client: StoredClient
  /** Whether its access tokens become invalid. */
  readonly raises?: boolean
  /** The secrets that are revoked before they expire. */
  readonly revokedSecretIds?: readonly string[]
}

// Seconds until the entry of a revoked secret is deleted: restoring a backup up to this age does not restore the secret.
const SECRET_ENTRY_LIFETIME = 35 * 86_400

/**
 * Changes a client by compare-and-set, so that no change of another process is lost.
 *
 * @param change returns the changed client; undefined for no change
 * @returns the client, with its version before the change. Undefined for a client that does not exist, or no change
 * @throws Error if other changes won each attempt
 */
export async function changeClient (
  store: Pick<ClientStore, 'findClients' | 'replaceClient'>,
  id: string,
  change: (client: StoredClient) => ClientUpdate | undefined,
  { now, audit }: { now: Clock, audit: AuditRecord | undefined }
): Promise<{ client: StoredClient, written: Written } | undefined> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const [client] = await store.findClients([id])
    const update = client && change(client)
    if (client === undefined || update === undefined) return undefined
    const time = now()
    const replacement = { ...update.client, version: client.version, updatedAt: time }
    const entries = (update.revokedSecretIds ?? []).map((secretId): Entry => ({ kind: 'secret', id: secretEntryId(id, secretId), expiresAt: time + SECRET_ENTRY_LIFETIME }))
    const written = await store.replaceClient(replacement, { raises: update.raises === true, entries, audit })
    if (written !== false) return { client: replacement, written }
  }
  throw new Error(`The client ${id} could not be changed, since others change it all the time`)
}

/**
 * Adds a new secret to a client. Existing secrets expire after the overlap at the latest. Removes expired secrets.
 *
 * @throws FlowConfigurationError if the client has too many secrets
 */
export function rotateSecret (client: StoredClient, secret: StoredSecret, { overlap, now }: { overlap: number, now: number }): ClientUpdate {
  const older = client.secrets
    .map((one) => ({ ...one, expiresAt: Math.min(one.expiresAt ?? Infinity, now + overlap) }))
    .filter(({ expiresAt }) => expiresAt > now)
  if (older.length >= MAX_SECRETS) throw wrongClient(`it has ${MAX_SECRETS} secrets already: choose a shorter overlap, or revoke some`)
  const revokedSecretIds = client.secrets
    .filter(({ id, expiresAt = Infinity }) => expiresAt > now && older.every((one) => one.id !== id))
    .map(({ id }) => id)
  return { client: { ...client, secrets: [...older, secret] }, revokedSecretIds }
}
