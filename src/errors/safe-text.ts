// RFC 6749 §5.2 and RFC 6750 §3 allow the same characters in error_description: no quote, no backslash, no control

import { toLogText } from '../lib/log-text.ts'

// character, so a value never needs escaping inside a quoted-string.
export const UNSAFE = /[^\x20\x21\x23-\x5B\x5D-\x7E]/g
export const MAX_LENGTH = 300

/** Makes any text fit for error_description: bounded, without secrets, and only characters that RFC 6749 §5.2 and RFC 6750 §3 allow. */
export function toSafeText (text: string): string {
  return toLogText(text, MAX_LENGTH).replace(UNSAFE, '?')
}
