/** The first characters of every generated client secret, by which secret scanners and the log find it. */
export const SECRET_PREFIX = 'fccs_'

const REDACTED = '[redacted]'

// Characters of an identifier. Ours have 20, and RFC 6749 appendix A.1 allows printable ASCII only.
const MAX_LENGTH = 100
// Times the maximum length. More is not examined, so that the cost does not depend on the caller.
const EXAMINED = 8
const UNPRINTABLE = /[^\x20-\x7e]/g
// The underscore may be percent-encoded, as in a URL.
const SECRET = /fccs(?:_|%5F)[0-9A-Za-z]*/gi
// An assertion, a proof or a token: a JSON object in base64url begins with these letters.
const JWT = /\beyJ[\w-]{4,}(?:\.[\w-]*){1,4}/g
const SECRET_IN_BASE64 = base64Of(SECRET_PREFIX)
const PERCENT_ENCODED = /%[0-9A-Fa-f]{2}/
// An identifier that was encoded twice has been decoded once.
const MAX_DECODINGS = 2

/**
 * Makes a text that a caller has chosen fit for logs, events, audit records and error messages: printable ASCII without control
 * characters and bidirectional marks, at most `max` characters, and without the secrets, assertions, proofs and JWTs that may be
 * in it. Secrets that humans have chosen, and opaque tokens, cannot be recognized.
 *
 * @param max default 100
 */
export function toLogText (text: string, max = MAX_LENGTH): string {
  const examined = text.slice(0, max * EXAMINED)
  if (hidesSecret(examined)) return REDACTED
  const safe = redactSecrets(examined.replace(UNPRINTABLE, '?'))
  return safe.length > max ? safe.slice(0, max) : safe
}

/** Replaces the secrets, assertions, proofs and JWTs in a text that is otherwise trusted, such as a URL that was parsed. */
export function redactSecrets (text: string): string {
  return text.replace(SECRET, REDACTED).replace(JWT, REDACTED)
}

/** Returns whether a generated secret may be anywhere in a text, whole, cut or encoded. */
export function holdsSecret (text: string): boolean {
  return text.includes(SECRET_PREFIX) || hidesSecret(text)
}

// A secret that only appears once the text is decoded, or once its unprintable characters are removed.
function hidesSecret (text: string): boolean {
  if (SECRET_IN_BASE64.some((part) => text.includes(part))) return true
  let decoded = text
  for (let count = 0; count < MAX_DECODINGS && PERCENT_ENCODED.test(decoded); count++) decoded = decode(decoded)
  const bare = decoded.replace(UNPRINTABLE, '')
  return countOf(bare) > countOf(text)
}

function countOf (text: string): number {
  return text.match(SECRET)?.length ?? 0
}

// Byte by byte: what cannot be decoded may stand beside what can.
function decode (text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

// In base64 a text looks different at each of three places, and its outer characters depend on its neighbours.
function base64Of (text: string): readonly string[] {
  return [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]).toString('base64')
    .slice(Math.ceil(shift * 8 / 6), Math.floor((shift + text.length) * 8 / 6)))
}
