/** A parsed Authorization field: the scheme in lower case, and the credentials. */
export interface Authorization {
  scheme: string
  credentials: string
}

// RFC 6750 §2.1: b64token
const B64TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

/** Returns whether a string is a b64token (RFC 6750 §2.1), the only form in which a token fits in an Authorization field. */
export function isB64Token (text: string): boolean {
  return B64TOKEN.test(text)
}

/** Splits an Authorization field at the spaces after its scheme (RFC 9110 §11.4). Schemes are case-insensitive. */
export function parseAuthorization (value: string): Authorization {
  const end = value.indexOf(' ')
  if (end === -1) return { scheme: value.toLowerCase(), credentials: '' }
  let start = end + 1
  while (value[start] === ' ') start++
  return { scheme: value.slice(0, end).toLowerCase(), credentials: value.slice(start) }
}

/** Returns the schemes of all Authorization fields of a request, in lower case: several arrive as one, joined by ", ". */
export function schemesOf (value: string): string[] {
  return value.split(/, */).map((field) => parseAuthorization(field).scheme)
}

/** The auth-params of one challenge. Those that are undefined are left out. */
export type ChallengeParameters = Readonly<Record<string, string | undefined>>

/**
 * Formats one challenge of a WWW-Authenticate field (RFC 9110 §11.6.1), every value as a quoted-string. Does NOT escape quotes
 * and backslashes: the values are scheme names, scopes and texts of this package without them.
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
