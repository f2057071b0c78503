import { ClientRegistry } from '../../index.ts'
import type { ClientRegistryOptions } from '../../adapter.ts'
import type { RegisteredClient } from '../../index.ts'
import type { CommandStore, Invocation } from '../command.ts'
import { peppersFrom } from '../environment.ts'
import { CommandError } from '../errors.ts'

const PAGE = 500

/** Opens the store and creates a registry of its clients. */
export async function withRegistry (
  { io, withStore }: Invocation, work: (registry: ClientRegistry, store: CommandStore) => Promise<void>, options?: { mayCreate?: boolean }
): Promise<void> {
  const peppers = peppersFrom(io.env)
  // Each client is read once: a cache is of no use.
  const settings: ClientRegistryOptions = { cacheSize: 0, now: io.now, ...peppers && { peppers } }
  await withStore(async (store) => await work(new ClientRegistry(store, settings), store), options)
}

/** Returns the result for a client. @throws CommandError for a client that does not exist */
export function orThrowNotFound<T> (client: T | undefined | false, id: string): T {
  if (client === undefined || client === false) throw new CommandError(`There is no client "${id}". List the clients: client list`)
  return client
}

/** Lists all clients, page by page. */
export async function * allClients (registry: ClientRegistry): AsyncGenerator<RegisteredClient> {
  let after: string | undefined
  do {
    const { clients, next } = await registry.list({ limit: PAGE, ...after !== undefined && { after } })
    yield * clients
    after = next
  } while (after !== undefined)
}
