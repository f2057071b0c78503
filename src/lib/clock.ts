/** Tells the time in seconds since 1970, as the claims of tokens count it (RFC 7519 §2). */
export type Clock = () => number

/** The clock of the machine: the only place where the core reads it. Everything that needs the time takes another. */
export const systemClock: Clock = () => Math.floor(Date.now() / 1000)

/** Milliseconds on a clock that is never set: for durations, whose parts of a millisecond count too. */
export const monotonic = (): number => performance.now()

/**
 * Returns a wall clock in milliseconds, for ages. That of the machine has parts of a second; any other counts as it does.
 */
export function wallMilliseconds (now: Clock): () => number {
  return now === systemClock ? machineMilliseconds : () => now() * 1000
}

// One function for all that measure by it, so that they can read it together.
const machineMilliseconds = (): number => Date.now()

/** Seconds since a moment on the monotonic clock; 0 since none. */
export function secondsSince (startedAt: number | undefined): number {
  return startedAt === undefined ? 0 : (monotonic() - startedAt) / 1000
}
