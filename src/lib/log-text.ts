/** The first characters of every generated client secret, by which secret scanners and the redaction of logs detect it. */
export const SECRET_PREFIX = 'fccs_'

const REDACTED = '[redacted]'

// Characters of an identifier. Ours have 20, and RFC 6749 appendix A.1 allows printable ASCII only.
const MAX_LENGTH = 100
// Times the maximum length. The rest is not examined, so that callers do not determine the cost.
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
 * Sanitizes a string that a caller has chosen for logs, events, audit records and error messages: printable ASCII without
 * control
 * characters and bidirectional marks, at most `max` characters, and without generated secrets, assertions, proofs and JWTs.
 * Does NOT detect secrets that humans have chosen, and opaque tokens.
 *
 * @param max default 100
 */
export function toLogText (text: string, max = MAX_LENGTH): string {
  const examined = text.slice(0, max * EXAMINED)
  if (hidesSecret(examined)) return REDACTED
  const safe = redactSecrets(examined.replace(UNPRINTABLE, '?'))
  return safe.length > max ? safe.slice(0, max) : safe
}

/** Redacts the secrets, assertions, proofs and JWTs in a string that is otherwise trusted, such as a parsed URL. */
export function redactSecrets (text: string): string {
  return text.replace(SECRET, REDACTED).replace(JWT, REDACTED)
}

/** Returns whether a string may contain a generated secret, complete, truncated or encoded. */
export function holdsSecret (text: string): boolean {
  return text.includes(SECRET_PREFIX) || hidesSecret(text)
}

// Returns whether a secret appears only after decoding, or after removing unprintable characters.
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

// Decodes byte by byte, since valid and malformed percent sequences may be mixed.
function decode (text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

// The base64 form of a string depends on its offset modulo 3, and its outer characters on the adjacent bytes.
function base64Of (text: string): readonly string[] {
  return [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]).toString('base64')
    .slice(Math.ceil(shift * 8 / 6), Math.floor((shift + text.length) * 8 / 6)))
}
