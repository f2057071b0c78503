// Requests as they go over the wire, and what may happen to them.
import fc from 'fast-check'
import { hostileText } from './hostile.ts'

export type Pair = [name: string, value: string]
export interface Sent {
  method: string
  target: string
  fields: Pair[]
  /** The parameters of the form, encoded each. Undefined without a body. */
  body: string | undefined
}

/** A text that no answer may have in its header fields. */
export const MARKER = 'zQmarkerQz'

/** One change: what, where, and with which text. Each is data, so that fast-check can print and shrink it. */
export interface Mutation { how: keyof typeof MUTATIONS, where: number, text: string }

const FORM = 'application/x-www-form-urlencoded'
const TYPES = [`${FORM};charset=utf-8`, `${FORM}; charset=latin1`, FORM.toUpperCase(), ` ${FORM} ;`, `${FORM}, ${FORM}`, 'application/json', 'multipart/form-data; boundary=x', 'text/plain', '', FORM.replace('/', '%2F')]
const METHODS = ['GET', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'HEAD', 'OPTIONS', 'QUERY']

const pairsOf = (body: string | undefined) => body === undefined || body === '' ? [] : body.split('&')
const inBody = (change: (pairs: string[], at: number, text: string) => string[]) => (sent: Sent, where: number, text: string): Sent => {
  const pairs = pairsOf(sent.body)
  return pairs.length === 0 ? sent : { ...sent, body: change(pairs, where % pairs.length, text).join('&') }
}
const inFields = (change: (fields: Pair[], at: number, text: string) => Pair[]) => (sent: Sent, where: number, text: string): Sent =>
  sent.fields.length === 0 ? sent : { ...sent, fields: change(sent.fields, where % sent.fields.length, text) }
const replaced = <T> (list: readonly T[], at: number, value: T) => list.map((one, index) => index === at ? value : one)
const inserted = (text: string, where: number, piece: string) => `${text.slice(0, where % (text.length + 1))}${piece}${text.slice(where % (text.length + 1))}`
const escapeAll = (pair: string) => pair.split('=').map((part) => [...Buffer.from(decode(part))].map((octet) => `%${octet.toString(16).padStart(2, '0')}`).join('')).join('=')
const decode = (text: string) => { try { return decodeURIComponent(text.replaceAll('+', ' ')) } catch { return text } }
// What a header field can hold (RFC 9110 §5.5): the rest is for sockets.
const fieldText = (text: string) => text.replaceAll(/[^\t\x20-\x7E\x80-\xFF]/g, '~')

const MUTATIONS = {
  dropParameter: inBody((pairs, at) => pairs.filter((_, index) => index !== at)),
  doubleParameter: inBody((pairs, at) => [...pairs, pairs[at]!]),
  reverseParameters: inBody((pairs) => pairs.toReversed()),
  swapValues: inBody((pairs, at) => replaced(pairs, at, `${pairs[at]!.split('=', 1)[0]}=${pairs[(at + 1) % pairs.length]!.split('=')[1]}`)),
  changeValue: inBody((pairs, at, text) => replaced(pairs, at, `${pairs[at]!.split('=', 1)[0]}=${encodeURIComponent(text.toWellFormed())}`)),
  insertRaw: inBody((pairs, at, text) => replaced(pairs, at, inserted(pairs[at]!, at + text.length, text))),
  addParameter: (sent: Sent, where: number, text: string): Sent => sent.body === undefined ? sent : { ...sent, body: `${sent.body}&${['scope', 'client_id', 'resource', 'access_token', 'client_secret', 'token', text][where % 7]}=${encodeURIComponent(text.toWellFormed())}` },
  escapeParameter: inBody((pairs, at) => replaced(pairs, at, escapeAll(pairs[at]!))),
  emptySeparators: inBody((pairs) => ['', ...pairs, '']),
  changeCase: inBody((pairs, at) => replaced(pairs, at, pairs[at]!.toUpperCase())),
  longValue: inBody((pairs, at, text) => replaced(pairs, at, `${pairs[at]}${text.replaceAll(/\W/g, 'x').padEnd(3000, 'x')}`)),
  dropField: inFields((fields, at) => fields.filter((_, index) => index !== at)),
  doubleField: inFields((fields, at) => [...fields, fields[at]!]),
  reverseFields: inFields((fields) => fields.toReversed()),
  fieldNameCase: inFields((fields, at) => replaced(fields, at, [fields[at]![0].toUpperCase(), fields[at]![1]])),
  schemeCase: inFields((fields, at) => replaced(fields, at, [fields[at]![0], fields[at]![1].replace(/^\w+/, (scheme) => scheme.toUpperCase())])),
  spaces: inFields((fields, at) => replaced(fields, at, [fields[at]![0], fields[at]![1].replace(' ', '   ')])),
  insertInField: inFields((fields, at, text) => replaced(fields, at, [fields[at]![0], fieldText(inserted(fields[at]![1], at + text.length * 7, text))])),
  swapFields: inFields((fields, at) => replaced(fields, at, [fields[at]![0], fields[(at + 1) % fields.length]![1]])),
  mediaType: (sent: Sent, where: number): Sent => ({ ...sent, fields: [...sent.fields.filter(([name]) => name !== 'content-type'), ['content-type', TYPES[where % TYPES.length]!]] }),
  addField: (sent: Sent, where: number, text: string): Sent => ({ ...sent, fields: [...sent.fields, [['authorization', 'dpop', 'x-requested-with', 'client-cert', 'x-forwarded-for', 'accept', 'cookie'][where % 7]!, fieldText(text)]] }),
  method: (sent: Sent, where: number): Sent => ({ ...sent, method: METHODS[where % METHODS.length]! }),
  query: (sent: Sent, where: number, text: string): Sent => ({ ...sent, target: `${sent.target}${sent.target.includes('?') ? '&' : '?'}${['access_token', 'client_secret', 'client%5Fassertion', 'a', '%', text.replaceAll(/[^\w%]/g, '')][where % 6]}=${encodeURIComponent(text.toWellFormed())}` }),
  path: (sent: Sent, where: number): Sent => ({ ...sent, target: `${sent.target}${['/', '/.', '//', '%2F', ';a', '%00', '#a'][where % 7]}` })
} satisfies Record<string, (sent: Sent, where: number, text: string) => Sent>

const mutation: fc.Arbitrary<Mutation> = fc.record({
  how: fc.constantFrom(...Object.keys(MUTATIONS) as Array<Mutation['how']>),
  where: fc.nat({ max: 1000 }),
  text: fc.oneof(fc.constantFrom('data:read', 'reader', 'client_credentials', MARKER, `${MARKER}"\r\nx: y`), hostileText)
})
export const mutations = (maxLength = 4): fc.Arbitrary<Mutation[]> => fc.array(mutation, { maxLength })

export function mutate (sent: Sent, changes: readonly Mutation[]): Sent {
  return changes.reduce((before, { how, where, text }) => MUTATIONS[how](before, where, text), sent)
}
