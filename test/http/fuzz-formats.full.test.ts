// What comes from proxies, clients' key sets, proofs, operators' files and stores: read as it was written, or refused.
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { CompactSign, errors } from 'jose'
import type { JWK } from 'jose'
import t from 'tap'
import { readCertificate } from '../../plugin/client-certificate/formats.ts'
import { CommandError, UsageError } from '../../src/cli/errors.ts'
import { readCsv } from '../../src/cli/import/csv.ts'
import { readJsonLines } from '../../src/cli/import/json-lines.ts'
import { readRows } from '../../src/cli/import/rows.ts'
import type { Row } from '../../src/cli/import/rows.ts'
import { parseCommandLine } from '../../src/cli/parse-arguments.ts'
import { FlowConfigurationError } from '../../src/errors/configuration-error.ts'
import { isPublicJwks } from '../../src/jws/public-jwk.ts'
import { toPublicKeys } from '../../src/jws/public-keys.ts'
import { generateSecret, isGeneratedSecret } from '../../src/lib/generated-secret.ts'
import { sha256Base64url } from '../../src/lib/sha256.ts'
import { alternativeNames } from '../../src/lib/x509/alternative-names.ts'
import { isSameName, parseDistinguishedName, parseSubject } from '../../src/lib/x509/distinguished-name.ts'
import { generateKey } from '../../src/signing-keys/private-jwk.ts'
import { SealingKeys } from '../../src/signing-keys/sealing-keys.ts'
import { MemoryStore } from '../../src/stores/memory.ts'
import { ProofRejection } from '../../src/token-type/dpop/proof-errors.ts'
import { ProofKeys } from '../../src/token-type/dpop/proof-key.ts'
import { verifyProof } from '../../src/token-type/dpop/verify-proof.ts'
import { makeCertificate } from '../support/certificates.ts'
import { hostileText, INHERITED, megabyteOf, textOf } from '../support/hostile.ts'
import { forAll, forAllAsync } from '../support/properties.ts'

// --- Certificates from a proxy (RFC 9440, nginx, Envoy)

const pem = makeCertificate({ subject: '/CN=client' }).cert
const { raw: der } = new X509Certificate(pem)
const rawOf = (format: 'rfc9440' | 'nginx' | 'envoy', value: string) => readCertificate(format, value)?.raw

// Up to a semicolon, or a comma, that is not quoted.
const ENVOY_PAIR = /(?:"(?:[^"\\]|\\.)*"|[^;,"])+/g

t.test('a certificate is read as the proxy wrote it, and nothing that looks like one', async () => {
  const written = [`:${der.toString('base64')}:`, encodeURIComponent(pem), `Hash=x;Cert="${encodeURIComponent(pem)}"`]
  written.forEach((value, index) => assert.deepEqual(rawOf((['rfc9440', 'nginx', 'envoy'] as const)[index]!, value), der))
  const pieces = textOf(':', ';', ',', '"', 'Cert=', 'By=', 'Subject="', '\\"', ' ', ...written)
  const mutated = fc.tuple(fc.constantFrom(...written), fc.nat(), fc.oneof(hostileText, fc.constant('')), fc.nat({ max: 3 }))
    .map(([text, at, piece, cut]) => `${text.slice(0, at % text.length)}${piece}${text.slice(at % text.length + cut)}`)
  forAll(1000, fc.oneof(pieces, mutated), (value) => {
    for (const format of ['rfc9440', 'nginx', 'envoy'] as const) {
      const raw = rawOf(format, value)
      if (raw === undefined) continue
      // OpenSSL looks at a signature only when it is asked to: what was changed in the middle is another certificate.
      assert.equal(raw.length, der.length)
      if (format === 'rfc9440') assert.deepEqual(raw, Buffer.from(value.slice(1, -1), 'base64').subarray(0, raw.length))
      else if (format === 'nginx') assert.deepEqual(decodeURIComponent(value).match(/-----BEGIN/g), ['-----BEGIN'])
      else assert.equal(value.match(ENVOY_PAIR)!.filter((pair) => /^\s*cert\s*=/i.test(pair)).length, 1)
    }
  })
})

t.test('an element of Envoy has one certificate, whatever the client chose for its other names', async () => {
  const cert = encodeURIComponent(pem)
  const quoted = fc.tuple(fc.constantFrom('Subject', 'URI', 'DNS', 'By'), fc.oneof(hostileText, textOf(`Cert="${cert}"`, ';', ',', '=', '\\', '"')))
    .map(([key, text]) => `${key}="${text.replaceAll(/[\\"]/g, '\\$&')}"`)
  forAll(500, fc.tuple(fc.array(quoted, { maxLength: 3 }), fc.array(quoted, { maxLength: 3 })), ([before, behind]) => {
    const element = [...before, `Cert="${cert}"`, ...behind].join(';')
    // What a header field cannot hold comes from no proxy.
    if (/\n/.test(element)) return
    assert.deepEqual(rawOf('envoy', element), der)
    assert.equal(rawOf('envoy', `${element};Cert="${cert}"`), undefined)
    assert.equal(rawOf('envoy', `${element},Cert="${cert}"`), undefined)
  })
})

// --- Names (RFC 4514, and subject alternative names as Node.js writes them)

const attribute = fc.tuple(fc.constantFrom('CN', 'O', '1.2.3.4'), hostileText.map((text) => text.toWellFormed()).filter((text) => text !== ''))
const rdns = fc.array(fc.array(attribute, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 3 })
// RFC 4514 §2.4 in its simplest form: each octet escaped.
const writeName = (names: Array<Array<[string, string]>>, isAll: boolean) => names.map((list) => list.map(([type, text]) => {
  return `${type}=${[...text].map((one) => !isAll && /[A-Za-z0-9]/.test(one) ? one : [...Buffer.from(one)].map((octet) => `\\${octet.toString(16).padStart(2, '0')}`).join('')).join('')}`
}).join('+')).join(',')
const sorted = (names: Array<Array<[string, string]>>) => JSON.stringify(names.map((list) => list.map((one) => JSON.stringify(one)).sort()))

t.test('distinguished names are the same if they say the same', async () => {
  forAll(1000, fc.tuple(rdns, rdns), ([one, other]) => {
    const [first, same, second] = [parseDistinguishedName(writeName(one, false)), parseDistinguishedName(writeName(one.map((list) => list.toReversed()), true)), parseDistinguishedName(writeName(other, true))]
    assert.ok(isSameName(first!, same!))
    assert.equal(isSameName(first!, second!), sorted(one) === sorted(other))
  })
})

t.test('alternative names are those that were written, whatever they hold', async () => {
  const name = fc.tuple(fc.constantFrom('DNS', 'URI', 'email', 'DirName'), fc.oneof(hostileText, textOf(', ', 'DNS:', 'a', '"', '\\')))
  const isSimple = (text: string) => /^[\w.@/-]*$/.test(text)
  forAll(1000, fc.array(name, { minLength: 1, maxLength: 4 }), (list) => {
    const text = list.map(([kind, value]) => `${kind}:${isSimple(value) ? value : JSON.stringify(value)}`).join(', ')
    for (const kind of ['DNS', 'URI', 'email'] as const) assert.deepEqual(alternativeNames(text, kind), list.filter(([other]) => other === kind).map(([, value]) => value))
  })
})

// --- Keys of clients (RFC 7517)

const publicJwks = [generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ed25519')].map(({ publicKey }) => publicKey.export({ format: 'jwk' }) as JWK)
const member = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom('RSA', 'EC', 'oct', 'P-384', 'AQAB', 'sig', ...publicJwks.map(({ x }) => x)))
const jwk = fc.tuple(fc.constantFrom(...publicJwks), fc.dictionary(fc.constantFrom('kty', 'crv', 'x', 'y', 'n', 'e', 'd', 'k', 'p', 'kid', 'use', 'alg', 'x5c', 'key_ops', ...INHERITED), member, { maxKeys: 2 }))
  .map(([key, changes]) => ({ ...key, ...changes }))
const jwks = fc.oneof(fc.array(fc.oneof({ weight: 5, arbitrary: jwk }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) }), { maxLength: 3 }).map((keys) => ({ keys })), fc.jsonValue({ maxDepth: 2 }))

t.test('a key set that is taken has public keys only, and each can be used', async () => {
  let taken = 0
  forAll(1000, jwks, (sent) => {
    const value = JSON.parse(JSON.stringify(sent))
    assert.doesNotThrow(() => { try { toPublicKeys(value) } catch (error) { if (!(error instanceof errors.JOSEError)) throw error } })
    if (!isPublicJwks(value)) return
    taken++
    for (const key of value.keys) {
      assert.equal(createPublicKey({ key, format: 'jwk' }).type, 'public')
      assert.ok(!['d', 'p', 'k'].some((name) => Object.hasOwn(key, name)))
    }
    const kids = value.keys.map(({ kid }: JWK) => kid).filter((kid: unknown) => kid !== undefined)
    assert.equal(new Set(kids).size, kids.length)
  })
  assert.ok(taken > 50, `${taken} were taken`)
})

// --- DPoP proofs (RFC 9449 §4.3)

const NOW = 1_800_000_000
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const RIGHT = { htm: 'POST', htu: 'https://api.example/token', iat: NOW, jti: 'one', ath: sha256Base64url('token') }
const RULES = { keys: new ProofKeys(['ES256']), replays: new MemoryStore(), nonces: undefined, maxAge: 60, now: () => NOW }
const HEADER = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) as JWK }
const verified = (dpop: string) => verifyProof(RULES, { method: 'POST', url: '/token?x', origin: 'https://api.example', header: () => dpop }, 'token')
  .then(() => true, (error: unknown) => { if (error instanceof ProofRejection) return false; throw error })

const TARGETS: readonly unknown[] = ['https://api.example/token', 'https://API.example:443/%74oken#a']

t.test('a proof is taken if each of its claims is right', async () => {
  const json = fc.jsonValue({ maxDepth: 1 })
  const changes = fc.record({
    htm: fc.oneof({ weight: 4, arbitrary: fc.constant('POST') }, { weight: 1, arbitrary: fc.constantFrom('post', 'GET') }, { weight: 1, arbitrary: json }),
    htu: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...TARGETS) }, { weight: 1, arbitrary: fc.constantFrom('https://api.example/token/', 'http://api.example/token', '/token') }, { weight: 1, arbitrary: json }),
    iat: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: NOW - 62, max: NOW + 12 }) }, { weight: 1, arbitrary: json }),
    jti: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('a', 'a'.repeat(256)) }, { weight: 1, arbitrary: fc.constantFrom('a'.repeat(257), '') }, { weight: 1, arbitrary: json }),
    ath: fc.oneof({ weight: 4, arbitrary: fc.constant(sha256Base64url('token')) }, { weight: 1, arbitrary: fc.constant(sha256Base64url('other')) }, { weight: 1, arbitrary: json }),
    ['__proto__']: fc.constant(RIGHT)
  }, { requiredKeys: [] })
  const seen = { right: 0, wrong: 0 }
  await forAllAsync(400, changes, async (changed) => {
    const claims = { ...RIGHT, ...changed } as Record<string, any>
    const isRight = claims['htm'] === 'POST' && TARGETS.includes(claims['htu']) &&
      typeof claims['iat'] === 'number' && claims['iat'] <= NOW + 10 && claims['iat'] > NOW - 60 &&
      typeof claims['jti'] === 'string' && claims['jti'].length > 0 && claims['jti'].length <= 256 && claims['ath'] === sha256Base64url('token')
    seen[isRight ? 'right' : 'wrong']++
    assert.equal(await verified(await new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(HEADER).sign(privateKey)), isRight)
  })
  assert.ok(seen.right > 20 && seen.wrong > 100, JSON.stringify(seen))
})

t.test('a proof whose header or signature was changed is refused', async () => {
  const right = await new CompactSign(Buffer.from(JSON.stringify(RIGHT))).setProtectedHeader(HEADER).sign(privateKey)
  assert.ok(await verified(right))
  const [, ...rest] = right.split('.')
  const changedHeader = fc.dictionary(fc.constantFrom('typ', 'alg', 'jwk', 'crit', 'b64', 'kid', ...INHERITED), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1, maxKeys: 3 })
    .map((changes) => [Buffer.from(JSON.stringify({ ...HEADER, ...changes })).toString('base64url'), ...rest].join('.'))
  const mutated = fc.tuple(fc.nat({ max: right.length - 2 }), fc.constantFrom('A', '_', '.', '=', ',', '\0', '')).map(([at, piece]) => `${right.slice(0, at)}${piece}${right.slice(at + 1)}`)
  await forAllAsync(300, fc.oneof(changedHeader, mutated, jwk.map((key) => [Buffer.from(JSON.stringify({ ...HEADER, jwk: key })).toString('base64url'), ...rest].join('.'))), async (proof) => {
    assert.equal(await verified(proof), proof === right)
  })
})

// --- Files of operators (RFC 4180, JSON lines)

async function * inPieces (text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}
async function all<T> (values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}
const fields = fc.array(fc.array(fc.oneof(hostileText, textOf('a', ',', '"', '\r\n', '\n', ' ')), { minLength: 1, maxLength: 4 }), { maxLength: 4 })
const pieces = fc.integer({ min: 1, max: 9 })

t.test('CSV and JSON lines are read as they were written, in whatever pieces they come', async () => {
  await forAllAsync(500, fc.tuple(fields, pieces, fc.constantFrom('\n', '\r\n')), async ([rows, size, end]) => {
    const csv = rows.map((row) => row.map((field) => `"${field.replaceAll('"', '""')}"`).join(',')).join(end)
    assert.deepEqual((await all(readCsv(inPieces(csv, size)))).map((record) => record.fields), rows)
    const objects = rows.map((row) => Object.fromEntries(row.map((field, index) => [`${index}${field}`, field])))
    const lines = objects.map((value) => JSON.stringify(value)).join(end)
    assert.deepEqual((await all(readJsonLines(inPieces(lines, size)))).map(({ value }) => value), objects)
  })
})

t.test('a file that is no list of clients is refused with its line, and what is read has a client_id', async () => {
  const csv = textOf('client_id', ',', '\n', '"', 'scope', 'a', '1', 'client_secret', 'jwks', '{}', ...INHERITED)
  const json = fc.array(fc.oneof(fc.dictionary(fc.constantFrom('client_id', 'scope', 'audiences', 'jwks', 'access_token_lifetime', 'client_secret', ...INHERITED), fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.constantFrom('a', ['a'], 60))).map((value) => JSON.stringify(value)), hostileText)).map((lines) => lines.join('\n'))
  const files = fc.oneof(fc.tuple(csv.map((text) => `client_id,scope\n${text}`), fc.constant('csv' as const)), fc.tuple(csv, fc.constant('csv' as const)), fc.tuple(json, fc.constant('jsonl' as const)))
  await forAllAsync(1000, fc.tuple(files, pieces), async ([[text, format], size]) => {
    const rows = await all(readRows(inPieces(text, size), format)).catch((error: unknown): Row[] => {
      assert.ok(error instanceof CommandError, String(error))
      assert.match(error.message, /^Line \d+: /)
      return []
    })
    for (const { client } of rows) assert.match(client.id, /^[\x21\x23-\x5B\x5D-\x7E]{1,255}$/)
  })
})

t.test('a command line is understood, or refused as typed wrongly', async () => {
  const words = fc.oneof(fc.constantFrom('client', 'add', 'list', 'keys', 'import', 'rotate', '--json', '--scope', '--scope=a b', '--', '-', '-h', '--no-json', '--help', '--overlap=7d', ...INHERITED, '--__proto__=a'), hostileText)
  forAll(1000, fc.array(words, { maxLength: 6 }), (argv) => {
    try {
      const { commands, values } = parseCommandLine(argv)
      assert.ok(commands.length > 0)
      for (const value of Object.values(values)) assert.ok(['string', 'boolean'].includes(typeof value))
    } catch (error) {
      assert.ok(error instanceof UsageError, String(error))
    }
  })
})

// --- What is in a store

t.test('a sealed key opens as what it was, or not at all', async () => {
  const bytes = randomBytes(32)
  const spellings = [bytes.toString('base64url'), bytes.toString('base64'), bytes.toString('hex'), bytes.toString('hex').toUpperCase()]
  const { privateJwk } = await generateKey('ES256')
  const [sealed] = await new SealingKeys([spellings[0]!]).seal([{ kid: 'k', alg: 'ES256', privateJwk, createdAt: 0, activeFrom: 0 }], true)
  const jwe = sealed!.privateJwk as string
  for (const spelling of spellings) assert.deepEqual(await new SealingKeys([spelling]).open(jwe), privateJwk)
  const mutated = fc.tuple(fc.nat({ max: jwe.length - 1 }), fc.constantFrom('A', '_', '.', '=', ''), fc.boolean())
    .map(([at, piece, isInserted]) => `${jwe.slice(0, at)}${piece}${jwe.slice(at + (isInserted ? 0 : 1))}`)
  const sealing = new SealingKeys([spellings[0]!])
  await forAllAsync(300, fc.oneof(mutated, hostileText), async (text) => {
    const opened = await sealing.open(text).catch((error: unknown) => { assert.ok(error instanceof FlowConfigurationError); return undefined })
    if (opened !== undefined) assert.deepEqual(opened, privateJwk)
  })
})

t.test('a generated secret with another character is none', async () => {
  forAll(500, fc.tuple(fc.nat({ max: 53 }), fc.constantFrom(...'09AZaz_-')), ([at, character]) => {
    const secret = generateSecret()
    assert.ok(isGeneratedSecret(secret))
    assert.equal(isGeneratedSecret(`${secret.slice(0, at)}${character}${secret.slice(at + 1)}`), secret[at] === character)
  })
})

// --- Length

t.test('a megabyte of the worst of each kind is read in the time of its length', async (t) => {
  const names = [megabyteOf(' ', 'CN='), megabyteOf(' ', 'CN=', '"'), megabyteOf('\\ ', 'CN=', '"'), megabyteOf('CN=a+'), megabyteOf('\\41', 'CN='), megabyteOf('0c', 'CN=#'), megabyteOf('1.', 'a')]
  for (const name of names) t.doesNotThrow(() => [parseDistinguishedName(name), parseSubject(name)])
  for (const text of [megabyteOf('"', 'DNS:'), megabyteOf('\\"', 'DNS:"'), megabyteOf('a', '', ''), megabyteOf('DNS:a, '), megabyteOf('""', 'DNS:', 'x,')]) t.strictSame(alternativeNames(text, 'URI'), [])
  const proxied = [megabyteOf('A', ':', ':'), megabyteOf('=', ':'), megabyteOf('%0A'), megabyteOf('%20', '', encodeURIComponent(pem)), megabyteOf('Cert="";'), megabyteOf('\\"', 'Cert="'), megabyteOf('a', '', '=x'), megabyteOf('By=;'), encodeURIComponent(`-----BEGIN CERTIFICATE-----${megabyteOf('A')}`)]
  for (const text of proxied) for (const format of ['rfc9440', 'nginx', 'envoy'] as const) t.equal(format === 'nginx' && text === proxied[3] ? undefined : readCertificate(format, text), undefined)
  for (const text of [megabyteOf('"'), megabyteOf(','), megabyteOf('\n'), megabyteOf('""', '"'), megabyteOf('\r')]) t.doesNotThrow(() => all(readCsv(inPieces(text, 65_536))).catch(() => {}))
  await t.rejects(all(readJsonLines(inPieces(megabyteOf('[', '', 'x'), 65_536))))
})
