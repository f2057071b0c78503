import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collection = Map<unknown, unknown> | Set<unknown>

/** What is in the maps and sets of this process. */
export interface EntryCounter {
  /** Runs some work, and tells by how many entries that map or set grew that grew most. */
  growthBy (work: () => Promise<void>): Promise<number>
  /** How many entries the largest of those has that somebody has put something into, and that are in use still. */
  largest (): Promise<number>
  stop (): void
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/**
 * Watches all maps and sets that somebody puts something into from now on. Not those of Node.js itself, nor those by which
 * tap follows asynchronous resources, whose entries stay until the garbage is collected.
 */
export function watchEntries (): EntryCounter {
  const { set } = Map.prototype
  const { add } = Set.prototype
  // The size that each had when it was seen first in this work. What nobody else holds is not held here either.
  let before = new WeakMap<Collection, number>()
  let watched: Array<WeakRef<Collection>> = []
  const note = (collection: Collection) => {
    if (before.has(collection)) return
    before.set(collection, collection.size)
    watched.push(new WeakRef(collection))
  }
  const greatest = (measure: (collection: Collection) => number) => Math.max(0, ...watched.map((reference) => {
    const collection = reference.deref()
    return collection === undefined ? 0 : measure(collection)
  }))
  replace(Map.prototype, 'set', function (this: Map<unknown, unknown>, key: unknown, value: unknown) {
    if (value?.constructor?.name !== 'Domain') note(this)
    return set.call(this, key, value)
  })
  replace(Set.prototype, 'add', function (this: Set<unknown>, value: unknown) {
    if (typeof value !== 'number') note(this)
    return add.call(this, value)
  })
  const forgetUnused = async () => {
    // What was looked at in this turn is in use until its end.
    await turn()
    collectGarbage()
    watched = watched.filter((reference) => reference.deref() !== undefined)
    await turn()
  }
  return {
    async growthBy (work) {
      before = new WeakMap()
      watched = []
      await work()
      await forgetUnused()
      return greatest((collection) => collection.size - before.get(collection)!)
    },
    async largest () {
      await forgetUnused()
      return greatest(({ size }) => size)
    },
    stop () {
      replace(Map.prototype, 'set', set)
      replace(Set.prototype, 'add', add)
    }
  }
}

function replace (prototype: object, name: string, value: unknown): void {
  Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false })
}
