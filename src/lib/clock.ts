/** Returns the time in seconds since 1970, like a NumericDate (RFC 7519 §2). */
export type Clock = () => number

/** The clock of the machine: the only place where the core reads it. Everything that needs the time accepts another clock. */
export const systemClock: Clock = () => Math.floor(Date.now() / 1000)

/** Returns monotonic milliseconds with fractions, for durations. */
export const monotonic = (): number => performance.now()

/**
 * Returns a wall clock in milliseconds, for ages. The clock of the machine has a precision of milliseconds; any other clock has
 * its own.
 */
export function wallMilliseconds (now: Clock): () => number {
  return now === systemClock ? machineMilliseconds : () => now() * 1000
}

// A single function, so that several users can compare it and read the clock once.
const machineMilliseconds = (): number => Date.now()

/** Returns the seconds since a time of the monotonic clock; 0 for undefined. */
export function secondsSince (startedAt: number | undefined): number {
  return startedAt === undefined ? 0 : (monotonic() - startedAt) / 1000
}
