/** A distinguished name: its RDNs in the order of RFC 4514, each the sorted "type=value" of its attributes. */
export type DistinguishedName = readonly string[]

// RFC 4514 §3 and RFC 5280 appendix A: names of attribute types, by which X.509 software writes what others write as numbers.
const TYPE_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'cn',
  commonname: 'cn',
  '2.5.4.4': 'sn',
  surname: 'sn',
  '2.5.4.5': 'serialnumber',
  '2.5.4.6': 'c',
  countryname: 'c',
  '2.5.4.7': 'l',
  localityname: 'l',
  '2.5.4.8': 'st',
  s: 'st',
  stateorprovincename: 'st',
  '2.5.4.9': 'street',
  streetaddress: 'street',
  '2.5.4.10': 'o',
  organizationname: 'o',
  '2.5.4.11': 'ou',
  organizationalunitname: 'ou',
  '2.5.4.97': 'organizationidentifier',
  '0.9.2342.19200300.100.1.1': 'uid',
  userid: 'uid',
  '0.9.2342.19200300.100.1.25': 'dc',
  domaincomponent: 'dc',
  '1.2.840.113549.1.9.1': 'emailaddress',
  e: 'emailaddress'
}

/**
 * Reads a distinguished name as RFC 4514 writes it, such as "CN=Reader,O=Example".
 *
 * @returns undefined for what is none
 */
export function parseDistinguishedName (text: string): DistinguishedName | undefined {
  return parse(text, ',')
}

/** Reads the subject of a certificate as node:crypto writes it: a line for each RDN, the most general first. */
export function parseSubject (subject: string): DistinguishedName | undefined {
  return parse(subject, '\n')?.toReversed()
}

/** Compares two names, attribute by attribute. Values are compared exactly: another case or spacing is another name. */
export function isSameName (first: DistinguishedName, second: DistinguishedName): boolean {
  return first.length === second.length && first.every((attributes, index) => attributes === second[index])
}

function parse (text: string, separator: ',' | '\n'): DistinguishedName | undefined {
  const names: string[] = []
  for (const part of splitUnescaped(text, separator)) {
    const attributes = splitUnescaped(part, '+').map(readAttribute)
    if (attributes.includes(undefined)) return undefined
    names.push(attributes.sort().join('\n'))
  }
  return names
}

function splitUnescaped (text: string, separator: string): string[] {
  const parts = ['']
  for (const [piece] of text.matchAll(/\\[^]|[^\\]|\\$/gu)) {
    if (piece === separator) parts.push('')
    else parts[parts.length - 1] += piece
  }
  return parts
}

function readAttribute (text: string): string | undefined {
  const equals = text.indexOf('=')
  const type = text.slice(0, equals).trim().toLowerCase().replace(/^oid\./, '')
  if (equals === -1 || !/^[a-z\d.-]+$/.test(type)) return undefined
  const value = unescape(trimUnescaped(text.slice(equals + 1)))
  return value === undefined ? undefined : `${TYPE_NAMES[type] ?? type}=${JSON.stringify(value)}`
}

// A space at the end may be part of the value if it is escaped (RFC 4514 §2.4).
function trimUnescaped (text: string): string {
  return text.trimStart().replace(/(\\ )? *$/, '$1')
}

function unescape (text: string): string | undefined {
  // An escaped octet is one of the UTF-8 encoding (RFC 4514 §2.4).
  const octets = text.split(/((?:\\[\dA-Fa-f]{2})+)/).map((part, index) => index % 2 === 0
    ? part.replaceAll(/\\([^])/gu, '$1')
    : Buffer.from(part.replaceAll('\\', ''), 'hex').toString('utf8'))
  return /(?:^|[^\\])(?:\\\\)*\\$/.test(text) ? undefined : octets.join('')
}
