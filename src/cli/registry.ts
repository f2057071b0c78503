import { ClientRegistry } from '../clients/client-registry.ts'
import type { ClientRegistryOptions } from '../clients/client-registry.ts'
import type { CommandStore, Invocation } from './command.ts'
import { peppersFrom } from './environment.ts'
import { CommandError } from './failure.ts'

/** Opens the store and works with the clients in it. */
export async function withRegistry (
  { io, withStore }: Invocation, work: (registry: ClientRegistry, store: CommandStore) => Promise<void>, options?: { mayCreate?: boolean }
): Promise<void> {
  const peppers = peppersFrom(io.env)
  // Each client is looked at once: nothing to remember.
  const settings: ClientRegistryOptions = { cacheSize: 0, now: io.now, ...peppers && { peppers } }
  await withStore(async (store) => await work(new ClientRegistry(store, settings), store), options)
}

/** What the registry found. @throws CommandError where that is nothing */
export function found<T> (client: T | undefined | false, id: string): T {
  if (client === undefined || client === false) throw new CommandError(`There is no client "${id}". See those that are there: client list`)
  return client
}
