import { typeOf } from './attribute-types.ts'

/** A distinguished name: its RDNs in the order of RFC 4514, each the sorted "type=value" of its attributes. */
export type DistinguishedName = readonly string[]

// RFC 4514 §3: the type, the value with its escapes, and the separator. A value excludes the characters that must be escaped,
// so that parsing is unambiguous and the expression does not backtrack.
const REGISTERED = / *(?:OID\.|oid\.)?([A-Za-z][A-Za-z\d-]*|\d+(?:\.\d+)*) *= *(?! )((?:\\(?:[\dA-Fa-f]{2}|[ "#+,;<=>\\])|[^\\"+,;<>\0\p{Cs}])*)([+,]|$)/guy
// The same for the format of node:crypto: one RDN per line. It escapes what RFC 4514 escapes, and control characters.
const SUBJECT = / *([A-Za-z][A-Za-z\d-]*|\d+(?:\.\d+)*) *= *(?! )((?:\\(?:[\dA-Fa-f]{2}|[ "#+,;<=>\\])|[^\\"+,;<>\0\n\p{Cs}])*)([+\n]|$)/guy

/**
 * Parses a distinguished name in the format of RFC 4514, such as "CN=Reader,O=Example".
 *
 * @returns undefined for a malformed name, and for the empty name
 */
export function parseDistinguishedName (text: string): DistinguishedName | undefined {
  return parse(text, REGISTERED)
}

/**
 * Parses the subject of a certificate in the format of node:crypto, the most general RDN first.
 *
 * @param subject undefined if the certificate has none
 */
export function parseSubject (subject: string | undefined): DistinguishedName | undefined {
  return parse(subject ?? '', SUBJECT)?.toReversed()
}

/** Compares two names, attribute by attribute. Values are compared exactly: another case or spacing is another name. */
export function isSameName (first: DistinguishedName, second: DistinguishedName): boolean {
  return first.length === second.length && first.every((attributes, index) => attributes === second[index])
}

function parse (text: string, grammar: RegExp): DistinguishedName | undefined {
  const names: string[][] = [[]]
  let end = 0
  let separator = ','
  for (const { 0: whole, 1: type = '', 2: escaped = '', 3: next = '' } of text.matchAll(grammar)) {
    const value = readValue(escaped)
    if (value === undefined) return undefined
    names.at(-1)!.push(`${typeOf(type)}=${JSON.stringify(value)}`)
    end += whole.length
    separator = next
    if (separator !== '+' && separator !== '') names.push([])
  }
  // The whole string must have been parsed, up to the end of a value.
  return end === text.length && separator === '' ? names.map((attributes) => attributes.sort().join('\n')) : undefined
}

function readValue (escaped: string): string | undefined {
  const value = withoutPadding(escaped)
  // OpenSSL does not escape a single "#", which is not a hexadecimal string.
  return value.startsWith('#') && value !== '#' ? readHexString(value.slice(1)) : toText(unescape(value))
}

// A space at the end is part of the value if it is escaped (RFC 4514 §2.4).
function withoutPadding (escaped: string): string {
  let end = escaped.length
  while (escaped[end - 1] === ' ') end--
  let backslashes = 0
  while (escaped[end - 1 - backslashes] === '\\') backslashes++
  return escaped.slice(0, backslashes % 2 === 0 ? end : end + 1)
}

// An escaped octet is one of the UTF-8 encoding (RFC 4514 §2.4).
function unescape (value: string): Buffer {
  return Buffer.concat(Array.from(value.matchAll(/\\([\dA-Fa-f]{2})|\\?([^])/gu), ([, octet, character = '']) =>
    octet === undefined ? Buffer.from(character) : Buffer.from(octet, 'hex')))
}

// UTF8String, PrintableString, IA5String.
const TEXT_TAGS = new Set([0x0c, 0x13, 0x16])

// RFC 4514 §2.4: the BER of a value, used for attribute types without a short name.
function readHexString (hex: string): string | undefined {
  const [tag, length, ...octets] = /^(?:[\da-f]{2})+$/i.test(hex) ? Buffer.from(hex, 'hex') : []
  if (tag === undefined || length === undefined || !TEXT_TAGS.has(tag)) return undefined
  // Above 127 octets, the length has octets of its own (X.690 §8.1.3.5).
  const lengthOctets = length > 0x80 ? octets.splice(0, length - 0x80) : [length]
  return octets.length === lengthOctets.reduce((sum, octet) => sum * 256 + octet, 0) && length !== 0x80 ? toText(Buffer.from(octets)) : undefined
}

function toText (octets: Buffer): string | undefined {
  const text = octets.toString('utf8')
  // Reject invalid UTF-8: different values would all decode to the same replacement characters.
  return Buffer.from(text).equals(octets) ? text : undefined
}
