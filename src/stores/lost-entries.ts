import type { ClientStore, StoredClient } from './contracts/client-store.ts'
import type { ClientEntry, Entry, Written } from './contracts/entry-store.ts'

type Clients = Pick<ClientStore, 'findClients' | 'replaceClient'>

/**
 * Adds entries that a store has lost, and applies them to its clients: a client gets the generation of its entry, and is
 * disabled if it was disabled or removed; a revoked secret is removed. The entries of a client are written in the transaction
 * that changes it.
 *
 * @param addAlone adds the entries that change no client
 * @returns the entries that were written. An entry whose client was changed meanwhile is left for another attempt
 */
export async function addLostEntries (entries: readonly Entry[], clients: Clients, addAlone: (entries: readonly Entry[]) => Promise<Written>): Promise<Written> {
  const found = await findClients(clients, entries)
  const written: Array<Written[number]> = []
  const alone = entries.filter((entry) => !found.has(clientIdOf(entry) ?? ''))
  for (const [id, client] of found) {
    const own = entries.filter((entry) => clientIdOf(entry) === id)
    const changed = own.reduce(applyEntry, client)
    if (changed === client) alone.push(...own)
    else written.push(...await clients.replaceClient(changed, { entries: own }) || [])
  }
  return alone.length > 0 ? [...written, ...await addAlone(alone)] : written
}

async function findClients (clients: Clients, entries: readonly Entry[]): Promise<Map<string, StoredClient>> {
  const ids = [...new Set(entries.flatMap((entry) => clientIdOf(entry) ?? []))]
  return new Map((ids.length > 0 ? await clients.findClients(ids) : []).map((client) => [client.id, client]))
}

// The id of the entry of a secret begins with that of its client, which has no space.
function clientIdOf ({ kind, id }: Entry): string | undefined {
  return kind === 'client' ? id : kind === 'secret' ? id.split(' ', 1)[0] : undefined
}

// Returns the same object if the client already has the state of the entry.
function applyEntry (client: StoredClient, entry: Entry): StoredClient {
  if (entry.kind === 'secret') {
    const secrets = client.secrets.filter(({ id }) => `${client.id} ${id}` !== entry.id)
    return secrets.length < client.secrets.length ? { ...client, secrets } : client
  }
  const { generation, isDisabled } = entry as ClientEntry
  const current = client.generation ?? 0
  // Two histories of the store may have used the same generation. In doubt, the client counts as disabled.
  const isNews = current < generation || (current === generation && isDisabled && client.isDisabled !== true)
  return isNews ? { ...client, generation, ...((isDisabled || client.isDisabled === true) && { isDisabled: true }) } : client
}
