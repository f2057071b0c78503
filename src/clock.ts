/** Tells the time in seconds since 1970, as the claims of tokens count it (RFC 7519 §2). */
export type Clock = () => number

/** The clock of the machine: the only place where the core reads it. Everything that needs the time takes another. */
export const systemClock: Clock = () => Math.floor(Date.now() / 1000)

/** Milliseconds on a clock that is never set: for durations, whose parts of a millisecond count too. */
export const stopwatch = (): number => performance.now()

/** Seconds since a moment on the stopwatch; 0 since none. */
export function secondsSince (startedAt: number | undefined): number {
  return startedAt === undefined ? 0 : (stopwatch() - startedAt) / 1000
}
