import fc from 'fast-check'
import t from 'tap'
import { deepFreeze, parseJsonObject, withoutUndefined } from '../../src/lib/json.ts'

const nested = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`

t.test('A JSON object is parsed as the parser of the language does it, whatever brackets its strings contain', async (t) => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom('[[[['.repeat(20), '}}}}', '\\"{', '"['))), (object) => {
    const text = JSON.stringify(object)
    t.strictSame(parseJsonObject(text), JSON.parse(text))
  }), { numRuns: 300 })
})

t.test('What is no JSON object is none', async (t) => {
  for (const text of ['', 'x', 'null', '5', '"a"', '[]', '[{}]', '{', '{"a"', ']', '}{']) t.equal(parseJsonObject(text), undefined, text)
})

t.test('An object of more than 32 levels is rejected before it is parsed, by its brackets alone', async (t) => {
  t.ok(parseJsonObject(nested(32)))
  t.equal(parseJsonObject(nested(33)), undefined)
  t.equal(parseJsonObject(`{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`), undefined)
  const parse = JSON.parse
  let calls = 0
  JSON.parse = (...args) => { calls++; return parse(...args) }
  parseJsonObject(nested(33))
  JSON.parse = parse
  t.equal(calls, 0)
})

t.test('An object is frozen with everything in it, and written without members that are undefined', async (t) => {
  const value = deepFreeze({ a: [{ b: 1 }] })
  t.ok(Object.isFrozen(value) && Object.isFrozen(value.a) && Object.isFrozen(value.a[0]))
  t.strictSame(withoutUndefined({ a: undefined, b: null, c: 0 }), { b: null, c: 0 })
})
