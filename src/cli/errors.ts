/** A usage error: exit status 2. The message names the right usage, in one line. */
export class UsageError extends Error {}

/** A command that has failed: exit status 1. The message says what is wrong and how to fix it, in one line. */
export class CommandError extends Error {}

/** The standard output was closed by its reader, such as `head`. */
export class OutputClosedError extends Error {}

/** Returns the message of an error, with the messages of its causes from the driver or the system. */
export function messageOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { message, cause } = error
  return cause === undefined ? message || codeOf(error) : `${message}: ${messageOf(cause)}`
}

// The error of a connection that failed for all addresses of a host has a code, and no message.
function codeOf (error: Error): string {
  return 'code' in error ? String(error.code) : error.name
}
