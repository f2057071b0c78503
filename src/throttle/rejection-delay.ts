/** Default delay of rejections in milliseconds, used unless an option or slow hashes require another one. */
export const DEFAULT_REJECTION_DELAY = 10
// Maximum number of delayed rejections, to bound memory. Further ones are sent immediately.
const MAX_HELD = 1000
// Timers have a precision of one millisecond, and may fire that much early.
const TIMER_PRECISION = 1

/** The part of an AbortSignal that is used here. Aborted once the client has disconnected. */
export type GoneSignal = Pick<AbortSignal, 'aborted' | 'addEventListener' | 'removeEventListener'>

/** A request that has arrived. */
export interface Arrival {
  /** Ends the measurement. Call it for a request that was not rejected. */
  accept (): void
  /**
   * Waits until the rejection may be sent.
   *
   * @param signal ends the wait early
   */
  reject (signal: GoneSignal | undefined): Promise<void>
}

/**
 * Sends rejections at a fixed time after the request has arrived, so that the response time does not reveal which clients
 * exist. A rejection that takes longer is sent after two, four, eight times that time, and so on. At most 1,000 rejections are
 * delayed; further ones are sent immediately. A delayed rejection keeps the process alive; a request that is still processed
 * does not.
 */
export class RejectionDelay {
  readonly #milliseconds: () => number
  #held = 0

  /** @param milliseconds returns the delay, called for each request. 0 for no delay */
  constructor (milliseconds: () => number) {
    this.#milliseconds = milliseconds
  }

  /** The number of rejections that are delayed now. */
  get held (): number {
    return this.#held
  }

  /**
   * Starts the measurement. Call it once the whole request has been received, including its body: otherwise a caller could send
   * the end of the body after the delay.
   */
  arrive (): Arrival | undefined {
    const milliseconds = this.#milliseconds()
    if (milliseconds === 0) return undefined
    let leave: (() => void) | undefined
    let timer: NodeJS.Timeout
    // Each wait is as long as all previous ones together: many requests that wait for a store must not keep the event loop
    // busy.
    const arm = (wait: number, waited: number): void => {
      timer = setTimeout(() => {
        if (leave === undefined) arm(waited + wait, waited + wait)
        else leave()
      }, wait + TIMER_PRECISION).unref()
    }
    // Start the timer before any computation, so that the time of the response does not depend on it.
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
