import { secretEntryId } from '../entries/entry-state.ts'
import { wrongClient } from '../errors/client-error.ts'
import type { Clock } from '../lib/clock.ts'
import type { AuditRecord, ClientStore, Entry, StoredClient, StoredSecret, Written } from '../stores/contracts/index.ts'

// Each time one of those who change a client at once is through: as many can be at it.
const MAX_ATTEMPTS = 100
// Each is compared with what a client presents.
const MAX_SECRETS = 20

/** A change of a client. */
export interface ClientUpdate {
  readonly client: StoredClient
  /** Whether its access tokens become invalid. */
  readonly raises?: boolean
  /** The secrets that become invalid before their time. */
  readonly revokedSecretIds?: readonly string[]
}

// Seconds for which the entry of a revoked secret is kept: a store that is restored from a backup of that time loses the secret again.
const SECRET_ENTRY_LIFETIME = 35 * 86_400

/**
 * Changes a client by compare-and-set, so that no change of another process is lost.
 *
 * @param change makes the changed client of the one that is there; undefined for no change
 * @returns the client with the version that it had before. Undefined for a client that is not there, or no change
 * @throws Error when others were faster each time
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
 * Puts a new secret beside those of a client, which expire after the overlap at the latest. Those that have expired go.
 *
 * @throws FlowConfigurationError for one too many
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
