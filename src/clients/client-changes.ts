import type { Clock } from '../clock.ts'
import type { ClientStore, StoredClient, StoredSecret } from '../store/index.ts'
import { wrongClient } from './client-error.ts'

// Each time one of those who change a client at once is through: as many can be at it.
const MAX_ATTEMPTS = 100
// Each is compared with what a client presents.
const MAX_SECRETS = 20

/**
 * Changes a client by compare-and-set, so that no change of somebody else's is lost.
 *
 * @param change makes the changed client of the one that is there; undefined for no change
 * @returns undefined for a client that is not there, or no change
 * @throws Error when others were faster each time
 */
export async function changeClient (
  store: Pick<ClientStore, 'findClients' | 'replaceClient'>,
  id: string,
  change: (client: StoredClient) => StoredClient | undefined,
  now: Clock
): Promise<StoredClient | undefined> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const [client] = await store.findClients([id])
    const changed = client && change(client)
    if (client === undefined || changed === undefined) return undefined
    const replacement = { ...changed, version: client.version, updatedAt: now() }
    if (await store.replaceClient(replacement)) return { ...replacement, version: client.version + 1 }
  }
  throw new Error(`The client ${id} could not be changed, since others change it all the time`)
}

/**
 * Puts a new secret beside those of a client, which expire after the overlap at the latest. Those that have expired go.
 *
 * @throws FlowConfigurationError for one too many
 */
export function rotateSecret (client: StoredClient, secret: StoredSecret, { overlap, now }: { overlap: number, now: number }): StoredClient {
  const older = client.secrets
    .map((one) => ({ ...one, expiresAt: Math.min(one.expiresAt ?? Infinity, now + overlap) }))
    .filter(({ expiresAt }) => expiresAt > now)
  if (older.length >= MAX_SECRETS) throw wrongClient(`it has ${MAX_SECRETS} secrets already: choose a shorter overlap, or revoke some`)
  return { ...client, secrets: [...older, secret] }
}
