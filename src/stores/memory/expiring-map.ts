// Number of entries that each write examines. Since it is more than one, the map stays bounded without a timer.
const EXAMINED = 10

/**
 * A map that deletes its expired entries, a few with each write, so that deleting never blocks the event loop. If callers
 * choose the keys, it has a maximum, beyond which the entry that was written longest ago is deleted.
 */
export class ExpiringMap<V> {
  readonly #values = new Map<string, V>()
  readonly #isExpired: (value: V) => boolean
  readonly #max: number
  #examined = this.#values.entries()

  /**
   * @param isExpired whether a value is no longer needed
   * @param max the maximum number of entries. Default no maximum
   */
  constructor (isExpired: (value: V) => boolean, max = Infinity) {
    this.#isExpired = isExpired
    this.#max = max
  }

  /** Returns a value. It may have expired. */
  get (key: string): V | undefined {
    return this.#values.get(key)
  }

  set (key: string, value: V): void {
    this.#dropSome()
    // Moves the key to the end of the order.
    if (this.#max !== Infinity) this.#values.delete(key)
    this.#values.set(key, value)
    if (this.#values.size > this.#max) this.#values.delete(this.#values.keys().next().value as string)
  }

  delete (key: string): boolean {
    return this.#values.delete(key)
  }

  #dropSome (): void {
    for (let left = EXAMINED; left > 0; left--) {
      const { value: entry, done } = this.#examined.next()
      if (done === true) {
        this.#examined = this.#values.entries()
        return
      }
      if (this.#isExpired(entry[1])) this.#values.delete(entry[0])
    }
  }
}
