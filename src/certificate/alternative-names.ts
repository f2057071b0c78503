import { isIP, isIPv6 } from 'node:net'

/** The kinds of subject alternative names that clients are registered by (RFC 8705 §2.1.2), as node:crypto writes them. */
export type AlternativeNameKind = 'DNS' | 'URI' | 'IP Address' | 'email'

// A name that holds anything unusual stands in quotes, as JSON: a comma in it begins no other name.
const NAME = /([^,:]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/gy

/** Lists the subject alternative names of one kind in a certificate. None at all when there is anything that cannot be read. */
export function alternativeNames (subjectAltName: string | undefined, kind: AlternativeNameKind): string[] {
  const text = subjectAltName ?? ''
  const names: string[] = []
  let end = 0
  for (const { 0: whole, 1: type, 2: value = '' } of text.matchAll(NAME)) {
    end += whole.length
    if (type === kind) names.push(value.startsWith('"') ? JSON.parse(value) : value)
  }
  return end === text.length ? names : []
}

/** Compares two names of a kind. Wildcards mean nothing here: a name is registered as it is in the certificate. */
export function isSameAlternativeName (kind: AlternativeNameKind, first: string, second: string): boolean {
  if (kind === 'DNS') return first.toLowerCase() === second.toLowerCase()
  if (kind === 'IP Address') return isIP(first) !== 0 && normalizeAddress(first) === normalizeAddress(second)
  return first === second
}

function normalizeAddress (address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname : address
}
