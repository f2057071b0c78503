/** Milliseconds after which rejections leave, unless an option or slow hashes say otherwise. */
export const DEFAULT_REJECTION_DELAY = 10
// Those beyond leave at once: they must not fill the memory.
const MAX_HELD = 1000
// Timers count whole milliseconds, so that the last one may have begun before the request arrived.
const TIMER_PRECISION = 1

/** As much of an AbortSignal as is used here: aborted once the client has gone. */
export type GoneSignal = Pick<AbortSignal, 'aborted' | 'addEventListener' | 'removeEventListener'>

/** A request that has arrived. */
export interface Arrival {
  /** Ends the measurement. Call it for a request that was not rejected. */
  accept (): void
  /**
   * Waits until the rejection may leave.
   *
   * @param signal ends the wait early
   */
  reject (signal: GoneSignal | undefined): Promise<void>
}

/**
 * Lets rejections leave at a fixed time after the request has arrived, so that the time does not show what was computed, and
 * with that which clients exist. A rejection that is not decided by then leaves after twice that time, four times, and so on. At
 * most 1,000 are held; those beyond leave at once. A held rejection keeps the process alive, a request that is not decided yet
 * does not.
 */
export class RejectionDelay {
  readonly #milliseconds: () => number
  #held = 0

  /** @param milliseconds is called for each request. 0 for no delay */
  constructor (milliseconds: () => number) {
    this.#milliseconds = milliseconds
  }

  /** How many rejections are held now. */
  get held (): number {
    return this.#held
  }

  /**
   * Begins to measure. Call it once the whole request has been received, its body included: otherwise the caller could send the
   * end of it when the time is over.
   */
  arrive (): Arrival | undefined {
    const milliseconds = this.#milliseconds()
    if (milliseconds === 0) return undefined
    let leave: (() => void) | undefined
    let timer: NodeJS.Timeout
    // Each wait is as long as all before it: many requests that a store does not answer must not keep the event loop busy.
    const arm = (wait: number, waited: number): void => {
      timer = setTimeout(() => {
        if (leave === undefined) arm(waited + wait, waited + wait)
        else leave()
      }, wait + TIMER_PRECISION).unref()
    }
    // It starts before anything is computed, so that the moment of leaving does not depend on that.
    arm(milliseconds, 0)
    return {
      accept () { clearTimeout(timer) },
      reject: async (signal) => {
        if (this.#held < MAX_HELD && signal?.aborted !== true) {
          this.#held++
          timer.ref()
          await new Promise<void>((resolve) => {
            leave = resolve
            signal?.addEventListener('abort', leave)
          })
          signal?.removeEventListener('abort', leave!)
          this.#held--
        }
        clearTimeout(timer)
      }
    }
  }
}
