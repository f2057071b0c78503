import { hash } from 'node:crypto'
import { measureAge } from '../lib/age.ts'
import type { Age } from '../lib/age.ts'
import type { Clock } from '../lib/clock.ts'

// The number of loads that may follow each other immediately, and the seconds after which one more is allowed. Several key
// rotations in a row are noticed immediately; a caller that sends invented kids causes at most six requests a minute.
const CAPACITY = 10
const REFILL_AFTER = 10
// Minimum age of the document in seconds before it is loaded again for the same name. The processes of the other server may
// need a moment to agree; without the wait, tokens of a removed key would consume all loads.
const WAITS = [0, 2, 8, 30] as const
// Seconds after its last request until a name is deleted, and the maximum number of names.
const FORGET_AFTER = 60
const MAX_NAMES = 100

interface Sought {
  readonly times: number
  /** Time since the last request for the name. */
  readonly age: Age
}

/**
 * Limits how often a document is loaded again for missing entries. Unauthenticated callers choose the names of these entries.
 */
export class SeekBudget {
  readonly #now: Clock
  readonly #sought = new Map<string, Sought>()
  #left = CAPACITY
  #sinceRefill: Age

  constructor (now: Clock) {
    this.#now = now
    this.#sinceRefill = measureAge(now)
  }

  /**
   * Consumes one load. Returns whether the document may be loaded now.
   *
   * @param name of the missing entry
   * @param documentAge milliseconds since the load of the document began
   */
  take (name: string, documentAge: number): boolean {
    this.#refill()
    this.#forget()
    const key = hash('sha256', name, 'base64url')
    const { times } = this.#sought.get(key) ?? { times: 0 }
    const isDue = this.#left > 0 && documentAge >= waitFor(times)
    if (isDue) this.#left--
    if (isDue || times > 0) this.#note(key, times + Number(isDue))
    return isDue
  }

  /** Gives back a load that has failed. The failure itself delays the next load. */
  giveBack (name: string): void {
    this.#left++
    this.#sought.delete(hash('sha256', name, 'base64url'))
  }

  #refill (): void {
    const loads = Math.floor(this.#sinceRefill() / 1000 / REFILL_AFTER)
    if (loads === 0) return
    this.#left = Math.min(CAPACITY, this.#left + loads)
    this.#sinceRefill = measureAge(this.#now)
  }

  // Keeps the names in the order of their last request.
  #note (key: string, times: number): void {
    this.#sought.delete(key)
    this.#sought.set(key, { times, age: measureAge(this.#now) })
  }

  #forget (): void {
    for (const [key, { age }] of this.#sought) {
      if (age() < FORGET_AFTER * 1000 && this.#sought.size < MAX_NAMES) return
      this.#sought.delete(key)
    }
  }
}

function waitFor (times: number): number {
  return WAITS[Math.min(times, WAITS.length - 1)]! * 1000
}
