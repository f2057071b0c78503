import type { Clock } from '../../lib/clock.ts'

// Seconds between two lines.
const INTERVAL = 2

/** Reports the progress of an import at intervals. */
export class Progress {
  rows = 0
  bytes = 0
  readonly #size: number | undefined
  readonly #now: Clock
  readonly #say: (line: string) => void
  readonly #startedAt: number
  #saidAt: number

  /** @param size total number of bytes, if known */
  constructor (size: number | undefined, now: Clock, say: (line: string) => void) {
    this.#size = size
    this.#now = now
    this.#say = say
    this.#startedAt = this.#saidAt = now()
  }

  /** Counts the bytes that are read. */
  async * count (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.bytes += chunk.length
      yield chunk
    }
  }

  /** Counts processed rows. */
  done (rows: number): void {
    this.rows += rows
    const time = this.#now()
    if (time - this.#saidAt < INTERVAL) return
    this.#saidAt = time
    this.#say(`${this.rows} rows, ${Math.round(this.rows / (time - this.#startedAt))} a second${this.#remaining(time)}`)
  }

  // Bytes that were read ahead count as processed, which is accurate enough.
  #remaining (time: number): string {
    if (this.#size === undefined) return ''
    return `, about ${Math.ceil((time - this.#startedAt) * Math.max(0, this.#size - this.bytes) / this.bytes)} s left`
  }
}
