// RFC 6749 appendix A allows printable characters only. Control characters would also fail in a database, as a 500.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x1F\x7F]/

/** Returns whether a value can be a client_id or a secret: a non-empty string without control characters. */
export function isCredential (value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !CONTROL.test(value)
}
