import { hash } from 'node:crypto'
import { measureAge } from '../lib/age.ts'
import type { Age } from '../lib/age.ts'
import type { Clock } from '../lib/clock.ts'

// How many loads may follow each other at once, and the seconds after which one more may. Keys that are replaced one after
// the other are found at once; a caller that invents names costs the other server six requests a minute.
const CAPACITY = 10
const REFILL_AFTER = 10
// Seconds that the document must be old before it is loaded for a name that is sought again. Processes of the other server may
// need a moment to agree; then the holders of tokens of a dropped key would use up the loads.
const WAITS = [0, 2, 8, 30] as const
// Seconds after its last request until a name is forgotten, and how many names are kept at most.
const FORGET_AFTER = 60
const MAX_NAMES = 100

interface Sought {
  readonly times: number
  /** Since somebody asked for it. */
  readonly age: Age
}

/** How often a document may be loaded again for what is missing in it. Unauthenticated callers choose what that is. */
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
   * Takes one load, if the document may be loaded now.
   *
   * @param name of what is missing
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

  /** Gives a load back that has failed: it has brought nothing, and the failure delays the next one. */
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

  // The name that was asked for last is behind the others.
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
