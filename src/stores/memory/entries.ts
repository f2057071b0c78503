import type { Entry, EntryPage, Written } from '../contracts/entry-store.ts'
import { FEED_START } from '../contracts/feed.ts'
import type { FeedMark, Marked } from '../contracts/feed.ts'
import { NEVER, nextGeneration, toEntries } from '../new-entries.ts'
import type { NewEntries } from '../new-entries.ts'
import { MemoryFeed } from './feed.ts'
import type { MemorySettings } from './settings.ts'
import type { MemoryTime } from './time.ts'

/** The entries of a store in memory. */
export class MemoryEntries {
  readonly #settings: MemorySettings
  readonly #time: MemoryTime
  readonly #feed: MemoryFeed<Entry>
  // Generations by the position of their entries, of all clients and of each client.
  readonly #ofAll = new Map<number, number>()
  readonly #ofClients = new Map<string, Map<number, number>>()

  constructor (settings: MemorySettings, time: MemoryTime) {
    this.#settings = settings
    this.#time = time
    this.#feed = new MemoryFeed({ storeId: settings.storeId, time, onDrop: (entry) => { this.#drop(entry) } })
  }

  list (after: FeedMark = FEED_START): EntryPage {
    const { mark, ...page } = this.#feed.read(after)
    return { ...page, settingsVersion: this.#settings.current.version }
  }

  /** The greatest generation in the entries of a client. Undefined where there is none. */
  generationOf (clientId: string): number | undefined {
    const generations = this.#ofClients.get(clientId)
    return generations && greatest(generations.values())
  }

  write (change: NewEntries): Written {
    const ofClients = new Map((change.clients ?? []).map(({ id }) => [id, this.generationOf(id) ?? 0]))
    return toEntries(change, {
      clock: this.#time.milliseconds(), expiresAt: this.#time.entryExpiry(), ofAll: greatest(this.#ofAll.values()), ofClients
    }).map((entry) => this.#append(entry))
  }

  /** Raises the generation of all clients. @param above numbers that it must exceed, besides those of the entries */
  raiseAll (above: Iterable<number>): Written {
    const ofClients = greatest([...this.#ofClients.values()].map((generations) => greatest(generations.values())))
    const stored = [greatest(above), greatest(this.#ofAll.values()), ofClients]
    const generation = nextGeneration({ clock: this.#time.milliseconds(), stored })
    return [this.#append({ kind: 'all', id: '', generation, expiresAt: NEVER })]
  }

  #append (entry: Entry): Marked<Entry> {
    const appended = this.#feed.append(entry, entry.expiresAt)
    if (entry.kind === 'all') this.#ofAll.set(appended.position, entry.generation)
    if (entry.kind === 'client') {
      const generations = this.#ofClients.get(entry.id) ?? new Map<number, number>()
      this.#ofClients.set(entry.id, generations.set(appended.position, entry.generation))
    }
    return appended
  }

  #drop ({ kind, id, position }: Marked<Entry>): void {
    if (kind === 'all') this.#ofAll.delete(position)
    if (kind !== 'client') return
    const generations = this.#ofClients.get(id)!
    generations.delete(position)
    if (generations.size === 0) this.#ofClients.delete(id)
  }
}

function greatest (generations: Iterable<number>): number {
  let max = 0
  for (const generation of generations) max = Math.max(max, generation)
  return max
}
