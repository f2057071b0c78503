// Requests that an OpenAPI document describes: right ones, and such as are nearly right.
import fc from 'fast-check'
import { hostileText } from './hostile.ts'

type Schema = Record<string, any>
interface Operation { parameters?: Array<{ in: string, name: string, required?: boolean, schema?: Schema }>, requestBody?: { content: Record<string, { schema: Schema }> } }
export interface Described { method: string, url: string, type: string | undefined, body: unknown }

/** Words that mean something to the server. */
const WORDS = ['victim-1', 'victim-2', 'admin', 'data:read', 'clients:manage', 'client_credentials', 'client_secret_basic', 'private_key_jwt', 'https://api.example', 'https://keys.example/jwks.json', 'DNS:a', '1', '0', '86400', 'true', '']

const text = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...WORDS) }, { weight: 1, arbitrary: hostileText })

function valueOf (schema: Schema): fc.Arbitrary<unknown> {
  const right = rightValueOf(schema)
  return fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) })
}

function rightValueOf (schema: Schema): fc.Arbitrary<unknown> {
  if (schema['const'] !== undefined) return fc.constant(schema['const'])
  if (schema['enum'] !== undefined) return fc.constantFrom(...schema['enum'])
  const alternatives: Schema[] | undefined = schema['anyOf'] ?? schema['oneOf']
  if (alternatives !== undefined) return fc.oneof(...alternatives.map(valueOf))
  switch ([schema['type']].flat()[0]) {
    case 'object': return objectOf(schema)
    case 'array': return fc.array(valueOf(schema['items'] ?? {}), { maxLength: 3 })
    case 'integer':
    case 'number': return fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.constantFrom(-1, 1.5, Number.MAX_SAFE_INTEGER, 1e300))
    case 'boolean': return fc.boolean()
    default: return text
  }
}

function objectOf ({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
  const members = fc.record(Object.fromEntries(Object.entries(properties as Record<string, Schema>).map(([name, schema]) => [name, valueOf(schema)])), { requiredKeys: [] })
  const needed = fc.record(Object.fromEntries((required as string[]).map((name) => [name, valueOf((properties as Record<string, Schema>)[name] ?? {})])))
  const all = Object.keys(properties)
  // Few members at once, or one of them is always wrong.
  return fc.tuple(members, needed, fc.subarray(all, { maxLength: Math.min(3, all.length) }), fc.oneof({ weight: 11, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: hostileText })).map(([some, always, names, other]) => ({
    ...Object.fromEntries(names.map((name) => [name, (some as Record<string, unknown>)[name]])), ...always, ...(other !== null && { [other]: other })
  }))
}

function requestOf (path: string, method: string, { parameters = [], requestBody }: Operation): fc.Arbitrary<Described> {
  const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? []
  const of = (place: string) => fc.record(Object.fromEntries(parameters.filter((parameter) => parameter.in === place).map(({ name, schema = {} }) => [name, valueOf(schema)])))
  return fc.tuple(of('path'), of('query'), fc.boolean(), content === undefined ? fc.constant(undefined) : valueOf(content.schema)).map(([inPath, query, hasQuery, body]) => {
    const url = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(wordOf((inPath as Record<string, unknown>)[name]) || 'victim-1'))
    const pairs = Object.entries(query as object).map(([name, value]) => `${name}=${encodeURIComponent(wordOf(value))}`)
    return { method: method.toUpperCase(), url: hasQuery && pairs.length > 0 ? `${url}?${pairs.join('&')}` : url, type, body }
  })
}

const wordOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value) ?? '').toWellFormed()

/** Requests to all operations of a document, with whatever its schemas describe. */
export function describedRequests (document: { paths?: object }): fc.Arbitrary<Described> {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) => Object.entries(item as Record<string, Operation>).map(([method, operation]) =>
    // Of those with a body, few are right.
    ({ weight: operation.requestBody === undefined ? 1 : 3, arbitrary: requestOf(path, method, operation) })))
  return fc.oneof(...operations)
}
