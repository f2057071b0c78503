/** A command that was typed wrongly: exit code 2. The message says how it is typed, in one line. */
export class UsageError extends Error {}

/** What could not be done: exit code 1. The message says what and how to mend it, in one line. */
export class CommandError extends Error {}

/** Nobody reads the standard output any more, such as `head` that has seen enough. */
export class OutputClosedError extends Error {}

/** Names what went wrong, with what the driver or the system said of it. */
export function messageOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { message, cause } = error
  return cause === undefined ? message || codeOf(error) : `${message}: ${messageOf(cause)}`
}

// A connection that fails for each address of a name has a code, and no message.
function codeOf (error: Error): string {
  return 'code' in error ? String(error.code) : error.name
}
