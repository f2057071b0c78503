type Collection = Map<unknown, unknown> | Set<unknown>

/** What is in the maps and sets of this process. */
export interface EntryCounter {
  /** Runs some work, and tells by how many entries that map or set grew that grew most. */
  growthBy (work: () => Promise<void>): Promise<number>
  /** How many entries the largest of those has that somebody has put something into. */
  largest (): number
  stop (): void
}

/**
 * Watches all maps and sets that somebody puts something into from now on. Not those of Node.js itself, nor those by which
 * tap follows asynchronous resources, whose entries stay until the garbage is collected.
 */
export function watchEntries (): EntryCounter {
  // The size that each had when it was seen first in this work.
  const watched = new Map<Collection, number>()
  const { set, get } = Map.prototype
  const { add } = Set.prototype
  const note = (collection: Collection) => {
    if (collection !== watched && get.call(watched, collection) === undefined) set.call(watched, collection, collection.size)
  }
  replace(Map.prototype, 'set', function (this: Map<unknown, unknown>, key: unknown, value: unknown) {
    if (value?.constructor?.name !== 'Domain') note(this)
    return set.call(this, key, value)
  })
  replace(Set.prototype, 'add', function (this: Set<unknown>, value: unknown) {
    if (typeof value !== 'number') note(this)
    return add.call(this, value)
  })
  return {
    async growthBy (work) {
      watched.clear()
      await work()
      return Math.max(0, ...[...watched].map(([collection, before]) => collection.size - before))
    },
    largest: () => Math.max(0, ...[...watched.keys()].map(({ size }) => size)),
    stop () {
      replace(Map.prototype, 'set', set)
      replace(Set.prototype, 'add', add)
    }
  }
}

function replace (prototype: object, name: string, value: unknown): void {
  Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false })
}
