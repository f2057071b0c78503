import type { Clock } from '../lib/clock.ts'

// Seconds. A greater difference would let a hostile Date field make assertions for the far future.
const MAX_CORRECTION = 300

/**
 * The clocks of the servers, by origin, as their Date fields show them (RFC 9110 §6.6.1). They correct the times in assertions and
 * proofs, which servers compare with their own clock, and nothing else.
 */
export class ServerClock {
  readonly #now: Clock
  readonly #offsets = new Map<string, number>()

  constructor (now: Clock) {
    this.#now = now
  }

  /** Returns the seconds to add to the own time, at most 300 in both directions. */
  offset (origin: string): number {
    return this.#offsets.get(origin) ?? 0
  }

  /** Takes the time from a response. Ignores responses from a cache. @param sentAt own time of the request, in seconds */
  note (origin: string, headers: Headers, sentAt: number): void {
    const time = Date.parse(headers.get('date') ?? '') / 1000
    if (!Number.isFinite(time) || headers.has('age')) return
    // The server wrote the field between request and response, in whole seconds.
    const ahead = time - this.#now() - 1
    const behind = time + 1 - sentAt
    const offset = ahead > 0 ? ahead : Math.min(behind, 0)
    this.#offsets.set(origin, Math.round(Math.max(-MAX_CORRECTION, Math.min(MAX_CORRECTION, offset))))
  }
}
