// What nobody should send, for the parsers and the endpoints alike.
import fc from 'fast-check'

/** Names that every object has. */
export const INHERITED = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', 'length', 'valueOf'] as const

const BROKEN = ['%', '%z', '%zz', '%00', '%C0%80', '%FF', '%u0041', '\0', '\r\n', '\uFEFF', '\uD800', '\uDC00', '+', '%2525', '%26', '%3D', '"', '\\', ',', ';', '\u2028', '\u00A0'] as const

/** Any text, and every now and then one that breaks parsers. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(fc.constantFrom(...INHERITED, ...BROKEN), fc.string({ unit: 'binary' }), fc.string())

/** Texts made of pieces of a grammar, right or wrong. */
export function textOf (...pieces: string[]): fc.Arbitrary<string> {
  return fc.array(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...pieces) }, { weight: 1, arbitrary: hostileText }), { maxLength: 12 }).map((parts) => parts.join(''))
}

/** Characters of a megabyte. */
export const MEGABYTE = 1_048_576

/** A text of a megabyte that repeats a piece, between two ends. */
export function megabyteOf (piece: string, start = '', end = ''): string {
  return `${start}${piece.repeat(Math.ceil(MEGABYTE / piece.length))}${end}`
}
