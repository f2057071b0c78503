// Every parser of what strangers send: what one writes is read, what another specification says is the same, nothing else is thrown
// than the refusal, and a megabyte takes no longer than its length. The oracles share no code with the parsers.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import { JWT_BEARER, readAssertion } from '../../src/client-auth/assertion/read-assertion.ts'
import type { PresentedClient } from '../../src/client-auth/client-auth-method.ts'
import { clientSecretBasic } from '../../src/client-auth/client-secret-basic.ts'
import { parseResource, parseScope } from '../../src/endpoints/grant.ts'
import { wantsIntrospectionJwt } from '../../src/endpoints/introspection.ts'
import { InvalidClientError, InvalidScopeError, InvalidTargetError } from '../../src/errors/oauth-error.ts'
import { toSafeText } from '../../src/errors/safe-text.ts'
import { formatChallenge, isB64Token, parseAuthorization } from '../../src/http/authentication.ts'
import { parseForm } from '../../src/http/form.ts'
import { hasQueryParameter } from '../../src/http/query.ts'
import { isScopeToken, splitScope } from '../../src/http/scope.ts'
import { isSameTarget, targetUriOf } from '../../src/token-type/dpop/target-uri.ts'
import { parseChallenges } from '../support/challenges.ts'
import { basic, rawBasic } from '../support/demo.ts'
import { hostileText, INHERITED, megabyteOf, textOf } from '../support/hostile.ts'
import { forAll } from '../support/properties.ts'

/** What a parser makes of a text. Undefined for its own refusal; whatever else it throws fails the test. */
function readOr<T> (refusal: new (...args: any[]) => Error, read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof refusal) return undefined
    throw error
  }
}

const requestWith = (fields: Record<string, string>, form: Record<string, string> = {}) => ({ method: 'POST', url: '/token', header: (name: string) => fields[name], form })

// --- Forms (RFC 6749 appendix B, WHATWG URL §5.1)

const encodedText = textOf('a', '%41', '%e2%82%ac', '%F0%9F%98%80', '+', '%2B', '%26', '%3D', '%00', '%0d%0A', 'é', ...INHERITED)
const pairs = fc.array(fc.tuple(encodedText, fc.constantFrom('=', '=', '==', ''), encodedText).map((parts) => parts.join('')), { maxLength: 6 })
const forms = fc.tuple(pairs, fc.constantFrom('&', '&', '&&', '&=&')).map(([list, separator]) => list.join(separator))

// What both specifications read alike: percent signs with two digits behind them, which are UTF-8.
function isWellFormed (text: string): boolean {
  try {
    decodeURIComponent(text)
    return text.isWellFormed()
  } catch {
    return false
  }
}

t.test('a form is read as URLSearchParams reads it, and no name has two values that are one', async () => {
  let compared = 0
  forAll(2000, forms, (text) => {
    const form = parseForm(text)
    assert.equal(Object.getPrototypeOf(Object.getPrototypeOf(form)), null, 'nothing is inherited')
    for (const value of Object.values(form)) assert.ok([value].flat().every((one) => typeof one === 'string'))
    // Each part by itself: one that is broken stays as it is, and a URLSearchParams would mend it.
    if (!text.split(/[&=]/).every(isWellFormed)) return
    compared++
    // Which takes a question mark in front away.
    const expected = new URLSearchParams(`&${text}`)
    assert.deepEqual(new Set(Object.keys(form)), new Set(expected.keys()))
    for (const name of expected.keys()) assert.deepEqual([form[name]].flat(), expected.getAll(name))
  })
  assert.ok(compared > 500)
})

t.test('what is written as a form is read as it was', async () => {
  forAll(1000, fc.array(fc.tuple(hostileText, hostileText), { maxLength: 5 }), (list) => {
    const sent = list.map(([name, value]): [string, string] => [name.toWellFormed(), value.toWellFormed()])
    const form = parseForm(new URLSearchParams(sent).toString())
    for (const [name] of sent) assert.deepEqual([form[name]].flat(), sent.filter(([other]) => other === name).map(([, value]) => value))
  })
})

// --- Authorization fields (RFC 9110 §11.4, RFC 6750 §2.1, RFC 7617)

const authorizations = textOf('Bearer', 'basic', 'DPoP', ' ', '  ', 'a', '~+/', '=', '==', ',', '\t', 'YTpi')

t.test('an Authorization field is split as its grammar says, and a b64token is one', async () => {
  forAll(2000, authorizations, (text) => {
    const { scheme, credentials } = parseAuthorization(text)
    const [, first = '', rest = ''] = /^([^ ]*)(?: +([^]*))?$/.exec(text) ?? []
    assert.deepEqual({ scheme, credentials }, { scheme: first.toLowerCase(), credentials: rest })
    const characters = [...credentials.replace(/=+$/, '')]
    assert.equal(isB64Token(credentials), characters.length > 0 && characters.every((one) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/'.includes(one)))
  })
})

const isPlain = (text: string) => text !== '' && ![...text].some((one) => one < ' ' || one === '\x7F')
const presented = (authorization: string) => readOr(InvalidClientError, () => clientSecretBasic.authenticate(requestWith({ authorization })) as PresentedClient | undefined)

t.test('Basic credentials are those that were written, with all that is in them', async () => {
  forAll(1000, fc.tuple(hostileText, hostileText), ([id, secret]) => {
    const [clientId, clientSecret] = [id.toWellFormed(), secret.toWellFormed()]
    const expected = isPlain(clientId) && isPlain(clientSecret) ? { kind: 'secret', clientId, clientSecret } : undefined
    assert.deepEqual(presented(basic(clientId, clientSecret)), expected)
    assert.deepEqual(presented(`bAsIc   ${basic(clientId, clientSecret).slice('Basic '.length)}`), expected)
  })
})

t.test('whatever else is taken for Basic credentials is what RFC 7617 and RFC 6749 read', async () => {
  const texts = fc.oneof(authorizations.map((text) => `Basic ${text}`), textOf('a', ':', '%41', '%', '+', '%zz', '%C3', 'é', '\0').map(rawBasic), hostileText)
  forAll(2000, texts, (authorization) => {
    const client = presented(authorization)
    if (client === undefined) return
    const [, token = ''] = /^basic +(\S+)\s*$/i.exec(authorization) ?? []
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(atob(token), (one) => one.charCodeAt(0)))
    const [id, ...rest] = text.split(':')
    const [clientId, clientSecret] = [id, rest.join(':')].map((part) => new URLSearchParams(`x=${part!.replaceAll('&', '%26')}`).get('x'))
    assert.deepEqual(client, { kind: 'secret', clientId, clientSecret })
  })
})

// --- Scopes (RFC 6749 §3.3)

t.test('a scope is tokens with one space between them, each once', async () => {
  forAll(2000, textOf('data:read', 'a', ' ', '  ', '!', '"', '\\', '~', '\x7F', '\t', 'é', ...INHERITED), (text) => {
    const tokens = text.split(' ')
    const isScope = tokens.every((token) => token !== '' && [...token].every((one) => one >= '!' && one <= '~' && one !== '"' && one !== '\\'))
    const scope = readOr(InvalidScopeError, () => parseScope(text))
    assert.deepEqual(scope, isScope ? tokens.filter((token, index) => tokens.indexOf(token) === index) : undefined)
    for (const token of tokens) assert.equal(isScopeToken(token), /^[!#-[\]-~]+$/.test(token))
    if (scope !== undefined) assert.deepEqual(splitScope(scope.join('  ')), scope)
  })
})

// --- JWTs (RFC 7515 §3.1, §7.1)

const segment = (json: string) => Buffer.from(json).toString('base64url')
const claims = fc.oneof(fc.json({ maxDepth: 2 }), fc.dictionary(fc.constantFrom('iss', 'sub', 'aud', 'exp', 'jti', ...INHERITED), fc.jsonValue({ maxDepth: 1 })).map((value) => JSON.stringify(value)))
const header = (alg: fc.Arbitrary<unknown>) => fc.record({ alg, typ: fc.jsonValue({ maxDepth: 0 }) }).map((value) => JSON.stringify(value))
const headers = fc.oneof(claims, header(fc.jsonValue({ maxDepth: 0 })), { weight: 3, arbitrary: header(fc.constantFrom('ES256', 'none', 'HS256')) })
const jwts = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(headers.map(segment), claims.map(segment), fc.constantFrom('c2ln', '', '_-', 'c2=')).map((parts) => parts.join('.')) },
  { weight: 1, arbitrary: textOf('.', 'eyJhbGciOiJFUzI1NiJ9', 'e30', '=', '~', ' ') }
)

t.test('an assertion says what jose reads in it', async () => {
  let read = 0
  forAll(2000, jwts, (jwt) => {
    const assertion = readOr(InvalidClientError, () => readAssertion(requestWith({}, { client_assertion: jwt, client_assertion_type: JWT_BEARER }), [JWT_BEARER]))
    const [header, payload] = [readOr(Error, () => decodeProtectedHeader(jwt)), readOr(Error, () => decodeJwt(jwt))]
    if (assertion === undefined) {
      const isComplete = header !== undefined && payload !== undefined && typeof header.alg === 'string' && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(jwt)
      return assert.ok(jwt === '' || !isComplete, 'it is an assertion')
    }
    read++
    assert.deepEqual(assertion, { jwt, type: JWT_BEARER, alg: header!.alg, typ: header!.typ, claims: payload })
  })
  assert.ok(read > 200)
})

// --- URLs (RFC 3986, RFC 9449 §4.3, RFC 8707)

const urls = fc.tuple(textOf('/', 'a', ';', '&').map((text) => text.replaceAll(/[?#]/g, '')), fc.array(fc.tuple(encodedText, fc.constantFrom('=x', '', '[]=x')).map((parts) => parts.join('')))).map(([path, query]) => `/${path}?${query.join('&')}`)

t.test('a parameter in the query is seen by every name that a parser would read it by', async () => {
  forAll(2000, fc.tuple(urls, fc.constantFrom('access_token', 'a', ...INHERITED.map((name) => name.toLowerCase()))), ([url, name]) => {
    const query = url.slice(url.indexOf('?') + 1).split('#', 1)[0]!
    const isThere = [...new URLSearchParams(query).keys()].includes(name)
    if (isThere) assert.ok(hasQueryParameter(url, new Set([name])))
    const encoded = [...name].map((one) => `%${one.charCodeAt(0).toString(16)}`).join('')
    for (const spelt of [name, encoded, name.toUpperCase(), `${name}[]`]) assert.ok(hasQueryParameter(`${url.split('#', 1)[0]}&${spelt}=x`, new Set([name])))
  })
})

const SPELLINGS: Record<string, readonly string[]> = { a: ['a', '%61'], '~': ['~', '%7E', '%7e'], '-': ['-', '%2d', '%2D'], '/': ['/'], '%2F': ['%2F', '%2f'], '%25': ['%25'], é: ['%C3%A9', '%c3%a9'], ':': [':'], '%3A': ['%3a', '%3A'], b: ['b', '%62'] }
const units = fc.array(fc.constantFrom(...Object.keys(SPELLINGS)), { maxLength: 8 })
const spelt = (list: readonly string[], choose: (count: number) => number) => list.map((unit) => SPELLINGS[unit]![choose(SPELLINGS[unit]!.length)]).join('')

t.test('two spellings of one target are the same, and two targets never are', async () => {
  forAll(2000, fc.tuple(units, units, fc.infiniteStream(fc.nat({ max: 5 }))), ([one, other, numbers]) => {
    const choose = (count: number) => numbers.next().value % count
    const path = spelt(one, choose)
    const origins = ['https://api.example', 'HTTPS://API.example', 'https://api.example:443']
    const target = targetUriOf({ origin: 'https://api.example', url: `${['', 'http://evil.example', 'https://u@evil.example:1'][choose(3)]}/x${path}${['', '?q', '?a=/../b'][choose(3)]}`, method: 'GET', header: () => undefined })
    assert.ok(isSameTarget(`${origins[choose(3)]}/x${spelt(one, choose)}${['', '?x', '#y'][choose(3)]}`, target))
    assert.equal(isSameTarget(`https://api.example/x${spelt(other, choose)}`, target), one.join('') === other.join(''))
    for (const foreign of [`http://api.example/x${path}`, `https://api.example:444/x${path}`, `https://u@api.example/x${path}`, `https://api.example.evil/x${path}`]) assert.ok(!isSameTarget(foreign, target))
  })
})

t.test('a resource is taken as it is, or refused', async () => {
  const resources = textOf('https://', 'api.example', '/v1', '#', '?', 'urn:', 'a', ' ', 'http:', '..', '\\')
  forAll(1000, fc.array(resources, { maxLength: 4 }), (list) => {
    const sent = list.filter((text) => text !== '')
    const isGood = sent.every((text) => !text.includes('#') && URL.canParse(text))
    assert.deepEqual(readOr(InvalidTargetError, () => parseResource(list)), isGood ? sent.filter((text, index) => sent.indexOf(text) === index) : undefined)
  })
})

// --- What is answered (RFC 9110 §11.6.1)

t.test('challenges that are written are read again, whatever is in their texts', async () => {
  forAll(1000, fc.array(fc.tuple(fc.constantFrom('Bearer', 'DPoP'), hostileText, hostileText), { minLength: 1, maxLength: 3 }), (list) => {
    const written = list.map(([scheme, realm, description]) => ({ scheme, parameters: { realm: toSafeText(realm), error_description: toSafeText(description) } }))
    const field = written.map(({ scheme, parameters }) => formatChallenge(scheme, { ...parameters, scope: undefined })).join(', ')
    assert.deepEqual(parseChallenges(field), written)
  })
})

// --- Length

const accepts = (accept: string) => wantsIntrospectionJwt(requestWith({ accept }))
const readAny = (jwt: string) => readOr(InvalidClientError, () => readAssertion(requestWith({}, { client_assertion: jwt, client_assertion_type: JWT_BEARER }), [JWT_BEARER]))
const LONG: Array<[name: string, parse: (text: string) => unknown, texts: string[]]> = [
  ['form', parseForm, [megabyteOf('a=b&'), megabyteOf('&'), megabyteOf('='), megabyteOf('+', 'a='), megabyteOf('%', 'a='), megabyteOf('%25', 'a='), megabyteOf('%C3', 'a='), megabyteOf('__proto__=a&')]],
  ['Basic', presented, [megabyteOf('A', 'Basic '), megabyteOf('=', 'Basic '), megabyteOf('A', 'Basic ', '!'), megabyteOf(' ', 'Basic'), megabyteOf(' ', 'Basic A', 'A'), rawBasic(megabyteOf('%')), rawBasic(megabyteOf('%41', ':')), rawBasic(megabyteOf(':'))]],
  ['b64token', isB64Token, [megabyteOf('a', '', '!'), megabyteOf('=', 'a', '!'), megabyteOf('a='), megabyteOf('=')]],
  ['scope', (text) => readOr(InvalidScopeError, () => parseScope(text)), [megabyteOf('a '), megabyteOf('a', '', '"'), megabyteOf(' '), megabyteOf('a ', '', '"'), megabyteOf('a a a ', 'a ', 'a')]],
  ['JWT', readAny, [megabyteOf('.'), megabyteOf('a', 'a.', '.a'), `e30.${segment('['.repeat(500_000))}.a`]],
  ['query', (text) => hasQueryParameter(text, new Set(['a'])), [megabyteOf('?'), megabyteOf('&', '/?'), megabyteOf('x&', '/?'), megabyteOf('[', '/?'), megabyteOf('%', '/?'), megabyteOf('%5B', '/?'), megabyteOf('\n', '/?')]],
  ['target', (text) => isSameTarget(`https://api.example${text}`, `https://api.example${text}/`), [megabyteOf('/'), megabyteOf('/..'), megabyteOf('/%2e'), megabyteOf('%'), megabyteOf('%41', '/'), megabyteOf('/.a')]],
  ['resource', (text) => readOr(InvalidTargetError, () => parseResource(text)), [megabyteOf('a', 'https://'), megabyteOf('/', 'https://a'), megabyteOf(' '), megabyteOf('/..', 'https://a')]],
  ['Accept', accepts, [megabyteOf(','), megabyteOf(';'), megabyteOf(' '), megabyteOf('q=0.', 'application/token-introspection+jwt;')]],
  ['safe text', toSafeText, [megabyteOf('"'), megabyteOf('\uD800')]]
]

t.test('a megabyte of the worst of each kind is read in the time of its length', async (t) => {
  for (const [name, parse, texts] of LONG) for (const [index, text] of texts.entries()) t.doesNotThrow(() => { parse(text) }, `${name} ${index}`)
})
