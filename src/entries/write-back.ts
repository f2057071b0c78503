import type { ClientEntry, ClientStore, Entry, EntryStore, StoredClient, Written } from '../stores/index.ts'
import { secretEntryId } from './entry-state.ts'

type Store = EntryStore & Partial<Pick<ClientStore, 'findClients' | 'replaceClient'>>
type ClientTables = Pick<ClientStore, 'findClients' | 'replaceClient'>

/**
 * Writes entries back that a store has lost, and what they say into the clients: a client gets its generation again, and is
 * disabled if it was, or was removed; a secret is removed. A key is removed by the processes that sign with it.
 *
 * @returns the entries that were written. One whose client was changed meanwhile is left for another attempt
 */
export async function writeBackEntries (store: Store, entries: readonly Entry[]): Promise<Written> {
  const clients = canChangeClients(store) ? await findClients(store, entries) : new Map<string, StoredClient>()
  const written: Array<Written[number]> = []
  const alone: Entry[] = []
  for (const entry of entries) {
    const client = clients.get(clientIdOf(entry) ?? '')
    const changed = client && applyEntry(client, entry)
    if (client === undefined || changed === undefined) {
      alone.push(entry)
      continue
    }
    const result = await (store as ClientTables).replaceClient(changed, { entries: [entry] })
    if (result === false) continue
    written.push(...result)
    clients.set(client.id, { ...changed, version: changed.version + 1 })
  }
  return alone.length > 0 ? [...written, ...await store.addEntries(alone)] : written
}

/** Whether a store has the clients too. */
export function canChangeClients (store: Store): store is EntryStore & ClientTables {
  return typeof store.findClients === 'function' && typeof store.replaceClient === 'function'
}

async function findClients (store: ClientTables, entries: readonly Entry[]): Promise<Map<string, StoredClient>> {
  const ids = [...new Set(entries.flatMap((entry) => clientIdOf(entry) ?? []))]
  return new Map((ids.length > 0 ? await store.findClients(ids) : []).map((client) => [client.id, client]))
}

function clientIdOf ({ kind, id }: Entry): string | undefined {
  return kind === 'client' ? id : kind === 'secret' ? id.split(' ', 1)[0] : undefined
}

// Undefined where the client says the same already.
function applyEntry (client: StoredClient, entry: Entry): StoredClient | undefined {
  if (entry.kind === 'secret') {
    const secrets = client.secrets.filter(({ id }) => secretEntryId(client.id, id) !== entry.id)
    return secrets.length < client.secrets.length ? { ...client, secrets } : undefined
  }
  return (client.generation ?? 0) < (entry as ClientEntry).generation ? applyClientEntry(client, entry as ClientEntry) : undefined
}

function applyClientEntry (client: StoredClient, { generation, isDisabled }: ClientEntry): StoredClient {
  return { ...client, generation, ...((isDisabled || client.isDisabled === true) && { isDisabled: true }) }
}
