import { isScopeToken } from '../http/scope.ts'
import { toSeconds } from '../lib/duration.ts'
import { isSecureUrl } from '../lib/secure-url.ts'

/** The kind of value of a client field. */
export interface FieldKind<T = any> {
  /** JSON Schema of the value as a member of client metadata. */
  readonly schema: object
  /** Whether the command line option takes a file with the value, or JSON that begins with "{". Default false. */
  readonly isJson?: boolean
  /** Completes "must be …" in an error. */
  readonly demand: string
  check (value: unknown): boolean
  /**
   * Reads a JSON value, a CSV cell or a command line option. Does NOT validate it.
   *
   * @returns undefined for a value without effect, such as false
   * @throws TypeError with the requirement as its message
   */
  read (value: unknown): unknown
  /** Converts the value to a member of client metadata. Undefined if another member carries it. */
  write (value: T): unknown
  /** Formats the value for output, on one line. */
  show (value: T): string
}

const DURATION = 'a duration such as 90, 15m, 12h or 30d'
const MAX_JSON_BYTES = 4096
const MAX_JSON_DEPTH = 16

const same = <T>(value: T): T => value
// At least one character. Control characters would fail in a database and could control a terminal.
const textSchema = { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f]+$' } as const

export const TEXT = {
  schema: textSchema, demand: 'a string without control characters', check: isText, read: toText, write: same<string>, show: same<string>
} as const satisfies FieldKind<string>

/** An https URL, or http on loopback. */
export const SECURE_URL = {
  ...TEXT,
  schema: { type: 'string', format: 'uri' },
  demand: 'an https URL (http on loopback only)',
  check: (value: unknown) => typeof value === 'string' && isSecureUrl(value)
} as const satisfies FieldKind<string>

export const LIST = {
  schema: { type: 'array', items: textSchema },
  demand: 'a list of names or URLs',
  check: (value: unknown) => isListOf(value, isText),
  read: toList,
  write: same<readonly string[]>,
  show: (values: readonly string[]) => values.join(' ')
} as const satisfies FieldKind<readonly string[]>

export const FILLED_LIST = {
  ...LIST,
  schema: { ...LIST.schema, minItems: 1 },
  demand: 'a list of at least one name or URL',
  check: (value: unknown) => isListOf(value, isText) && value.length > 0
} as const satisfies FieldKind<readonly string[]>

/** Scopes, separated by spaces in metadata (RFC 6749 §3.3). An empty string means no scope, unlike a missing member. */
export const SCOPES = {
  ...LIST,
  schema: { type: 'string', pattern: '^(?:[!#-\\[\\]-~]+(?: [!#-\\[\\]-~]+)*)?$' },
  demand: 'a list of names without space, quote and backslash (RFC 6749 section 3.3)',
  check: (value: unknown) => isListOf(value, isScopeToken),
  read: (value: unknown) => [...new Set(toList(value))],
  write: (scopes: readonly string[]) => scopes.join(' ')
} as const satisfies FieldKind<readonly string[]>

export const SECONDS = {
  schema: { type: 'integer', minimum: 1 },
  demand: 'a whole number of seconds above zero',
  check: isSeconds,
  read (value: unknown) {
    const seconds = typeof value === 'string' ? toSeconds(value) : value
    if (typeof seconds !== 'number') throw new TypeError(DURATION)
    return seconds
  },
  write: same<number>,
  show: (seconds: number) => `${seconds} s`
} as const satisfies FieldKind<number>

/** Creates the kind of a metadata member that is true for one value of its field. False has no effect. */
export function whether<const Value extends string> (value: Value) {
  return {
    ...oneOf(value),
    schema: { type: 'boolean' },
    read: (given: unknown) => toBoolean(given) ? value : undefined,
    write: (given: string) => given === value ? true : undefined
  } as const satisfies FieldKind<string>
}

export function oneOf<const Value extends string> (...values: readonly Value[]) {
  return {
    ...TEXT,
    schema: { type: 'string', enum: values },
    demand: values.join(' or '),
    check: (value: unknown) => values.includes(value as Value)
  } as const satisfies FieldKind<string>
}

/** A JSON object of at most 4,096 bytes and 16 levels. */
export const JSON_OBJECT = {
  schema: { type: 'object', additionalProperties: true },
  isJson: true,
  demand: `a JSON object of at most ${MAX_JSON_BYTES} bytes and ${MAX_JSON_DEPTH} levels`,
  check: isSmallJsonObject,
  read: toJson,
  write: same<unknown>,
  show: (value: unknown) => JSON.stringify(value)
} as const satisfies FieldKind<object>

/** Returns whether a value is a whole number of seconds above zero. */
export function isSeconds (value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

export function isText (value: unknown): value is string {
  // eslint-disable-next-line no-control-regex
  return typeof value === 'string' && /^[^\x00-\x1F\x7F]+$/.test(value)
}

export function isListOf (value: unknown, isItem: (item: unknown) => boolean): value is readonly unknown[] {
  return Array.isArray(value) && value.every(isItem)
}

function isSmallJsonObject (value: unknown): boolean {
  return isJson(value, MAX_JSON_DEPTH) && !Array.isArray(value) && typeof value === 'object' && value !== null &&
    Buffer.byteLength(JSON.stringify(value)) <= MAX_JSON_BYTES
}

// The depth limit also rejects circular objects. Assigning a member "__proto__" would set a prototype.
function isJson (value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean': return true
    case 'number': return Number.isFinite(value)
    case 'object': break
    default: return false
  }
  if (value === null) return true
  if (depth === 0) return false
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth - 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) &&
    Object.entries(value).every(([name, member]) => name !== '__proto__' && name !== 'toJSON' && isJson(member, depth - 1))
}

function toText (value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a string')
  return value
}

function toList (value: unknown): string[] {
  if (isListOf(value, (item) => typeof item === 'string')) return [...value] as string[]
  if (typeof value !== 'string') throw new TypeError('a list of strings, or a string of them with spaces between')
  return value.split(/\s+/).filter((item) => item !== '')
}

function toBoolean (value: unknown): boolean {
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  throw new TypeError('true or false')
}

function toJson (value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    // Omits the parser's message, because it quotes the input.
    throw new TypeError('JSON')
  }
}
