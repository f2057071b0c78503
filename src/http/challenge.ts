import { toLogText } from '../lib/log-text.ts'

/** The auth-params of one challenge. Those that are undefined are left out. */
export type ChallengeParameters = Readonly<Record<string, string | undefined>>

// RFC 6749 §5.2 and RFC 6750 §3 allow the same characters in error_description: no quote, no backslash, no control
// character, so a value never needs escaping inside a quoted-string.
const UNSAFE = /[^\x20\x21\x23-\x5B\x5D-\x7E]/g
const MAX_LENGTH = 300

/** Makes any text fit for error_description: bounded, without secrets, and only characters that RFC 6749 §5.2 and RFC 6750 §3 allow. */
export function toSafeText (text: string): string {
  return toLogText(text, MAX_LENGTH).replace(UNSAFE, '?')
}

/**
 * Writes one challenge of a WWW-Authenticate field (RFC 9110 §11.6.1), every value as a quoted-string.
 * Values are trusted to hold no quote and no backslash: they are scheme names, scopes and safe text.
 */
export function formatChallenge (scheme: string, parameters: ChallengeParameters): string {
  let challenge = scheme
  let separator = ' '
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue
    challenge += `${separator}${name}="${value}"`
    separator = ', '
  }
  return challenge
}
