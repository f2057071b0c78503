// Growing a map of 100,000 entries moves all of them, which blocks the event loop for about ten milliseconds.
const PARTS = 128

/** A map from strings, in parts: however large it is, adding an entry moves only a small part of the others. */
export class SplitMap<V> {
  readonly #parts: Array<Map<string, V>> = Array.from({ length: PARTS }, () => new Map())

  get (key: string): V | undefined {
    return this.#partOf(key).get(key)
  }

  has (key: string): boolean {
    return this.#partOf(key).has(key)
  }

  set (key: string, value: V): void {
    this.#partOf(key).set(key, value)
  }

  delete (key: string): void {
    this.#partOf(key).delete(key)
  }

  /** Entries may be added and deleted while they are iterated. */
  * [Symbol.iterator] (): Generator<[key: string, value: V]> {
    for (const part of this.#parts) yield * part
  }

  // Ids are random at their end, or numbered.
  #partOf (key: string): Map<string, V> {
    const { length } = key
    return this.#parts[(key.charCodeAt(length - 1) * 31 + key.charCodeAt(length - 2)) & (PARTS - 1)] as Map<string, V>
  }
}
