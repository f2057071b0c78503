// RFC 6749 §5.2 and RFC 6750 §3 allow the same characters in error_description: no quote, no backslash, no control

import { toLogText } from '../lib/log-text.ts'

// character, so a value never needs escaping inside a quoted-string.
export const UNSAFE = /[^\x20\x21\x23-\x5B\x5D-\x7E]/g
export const MAX_LENGTH = 300

/** Converts any string to a valid error_description: limited in length, without secrets, and with the characters of RFC 6749 §5.2 and RFC 6750 §3. */
export function toSafeText (text: string): string {
  return toLogText(text, MAX_LENGTH).replace(UNSAFE, '?')
}
