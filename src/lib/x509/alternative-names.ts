import { isIP } from 'node:net'

/** The kinds of subject alternative names that clients are registered by (RFC 8705 §2.1.2), as node:crypto writes them. */
export type AlternativeNameKind = 'DNS' | 'URI' | 'IP Address' | 'email'

// Node.js quotes a name with special characters as JSON. A comma within quotes does not begin another name.
const NAME = /([^,:]+):((?:[^,"]|"(?:[^"\\]|\\.)*")*)(?:, |$)/gy

/** Lists the subject alternative names of one kind in a certificate. Returns an empty list if any part cannot be parsed. */
export function alternativeNames (subjectAltName: string | undefined, kind: AlternativeNameKind): string[] {
  const text = subjectAltName ?? ''
  const names: (string | undefined)[] = []
  let end = 0
  for (const { 0: whole, 1: type, 2: value = '' } of text.matchAll(NAME)) {
    end += whole.length
    if (type === kind) names.push(value.startsWith('"') ? parseQuoted(value) : value)
  }
  const isRead = end === text.length && !names.includes(undefined)
  return isRead ? names as string[] : []
}

function parseQuoted (value: string): string | undefined {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

/** Compares two names of a kind. Wildcards are not expanded: a name is registered exactly as in the certificate. */
export function isSameAlternativeName (kind: AlternativeNameKind, first: string, second: string): boolean {
  if (first === '') return false
  if (kind === 'DNS') return first.toLowerCase() === second.toLowerCase()
  if (kind === 'IP Address') return isSameAddress(first, second)
  return first === second
}

// RFC 8705 §2.1.2: the octets are compared. An IPv6 address has several notations.
function isSameAddress (first: string, second: string): boolean {
  const [one, other] = [first, second].map((address) => isIP(address) === 6 ? normalizeIPv6(address) : address)
  return isIP(first) !== 0 && one === other
}

// No certificate names a zone, which URLs do not know.
function normalizeIPv6 (address: string): string {
  return address.includes('%') ? address : new URL(`http://[${address}]`).hostname
}
