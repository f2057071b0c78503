import { constants, createHmac, generateKeyPair, KeyObject, sign } from 'node:crypto'
import { promisify } from 'node:util'
import type { JSONWebKeySet } from 'jose'
import type { SigningKey } from '../../src/jws/signing-key.ts'
import type { KeySource } from '../../src/signing-keys/key-source.ts'
import type { FeedMark, Revocation, StoredToken } from '../../src/stores/contracts/index.ts'
import { MemoryStore } from '../../src/stores/memory.ts'

export const ISSUER = 'https://as.example'
export const AUDIENCE = 'https://api.example'
export const READ = 'data:read'

export const INVALID = 'The access token is invalid'
export const EXPIRED = 'The access token has expired'
export const NOT_OURS = 'The access token is not of this server'
export const OTHER_AUDIENCE = 'The access token is for another audience'

export type Algorithm = 'ES256' | 'RS256' | 'PS256' | 'EdDSA' | 'HS256'
/** Those with a public key. */
export type PublicAlgorithm = Exclude<Algorithm, 'HS256'>
export type Members = Record<string, unknown>

export const HMAC_KEY = 'a secret of more than thirty-two characters'

// Not the synchronous one: Node.js 20 sometimes never comes back from exporting an RSA key that it made.
const generate = promisify(generateKeyPair)
const makePairs = async () => ({
  ES256: await generate('ec', { namedCurve: 'P-256' }),
  RS256: await generate('rsa', { modulusLength: 2048 }),
  PS256: await generate('rsa', { modulusLength: 2048 }),
  EdDSA: await generate('ed25519')
})
/** Our key pairs. */
export const pairs = await makePairs()
/** The key pairs of others. */
export const strangers = await makePairs()

export const publicPem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) as string

export const now = () => Math.floor(Date.now() / 1000)
export const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
export const decode = (segment = '') => JSON.parse(Buffer.from(segment, 'base64url').toString()) as Members

/** Signs any text as an algorithm does. */
export function signatureOf (algorithm: Algorithm, input: string, key: KeyObject | string | Buffer): string {
  if (!(key instanceof KeyObject)) return createHmac('sha256', key).update(input).digest('base64url')
  const pss = algorithm === 'PS256' && { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return sign(algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363', ...pss }).toString('base64url')
}

/** Makes tokens as the application does, and worse ones. */
export class Forge {
  readonly algorithm: Algorithm
  readonly key: KeyObject | string
  readonly kid: string | undefined

  /** @param kid undefined for tokens whose header names no key */
  constructor (algorithm: Algorithm, kid?: string) {
    this.algorithm = algorithm
    this.kid = kid
    this.key = algorithm === 'HS256' ? HMAC_KEY : pairs[algorithm].privateKey
  }

  get header (): Members {
    return { alg: this.algorithm, typ: 'at+jwt', ...(this.kid !== undefined && { kid: this.kid }) }
  }

  get claims (): Members {
    return { iss: ISSUER, aud: AUDIENCE, sub: 'reader', client_id: 'reader', jti: 'one', iat: now(), exp: now() + 60, scope: READ }
  }

  /** A token of these very header and payload, genuinely signed. */
  make (header: unknown, payload: unknown, key = this.key): string {
    const input = `${encode(header)}.${encode(payload)}`
    return `${input}.${signatureOf(this.algorithm, input, key)}`
  }

  /** A genuine token, but for some members of its header. */
  withHeader (members: Members): string {
    return this.make({ ...this.header, ...members }, this.claims)
  }

  /** A genuine token, but for some claims. Undefined takes one out. */
  withClaims (members: Members): string {
    return this.make(this.header, { ...this.claims, ...members })
  }

  genuine (): string {
    return this.withClaims({})
  }

  segments (): [string, string, string] {
    return this.genuine().split('.') as [string, string, string]
  }
}

/** The algorithms whose tokens others can verify. */
export const PUBLIC_ALGORITHMS = ['ES256', 'EdDSA', 'RS256', 'PS256'] as const satisfies PublicAlgorithm[]
/** The names of our public keys. */
export const KIDS = { ES256: 'key-of-ES256', EdDSA: 'key-of-EdDSA', RS256: 'key-of-RS256', PS256: 'key-of-PS256' }

/** A source of our keys, one per algorithm, with a count of the signatures that were checked. */
export class FixedKeys implements KeySource {
  readonly algorithm: PublicAlgorithm
  readonly maxTokenLifetime: number
  readonly jwksMaxAge = 3600
  checks = 0
  readonly #keys: Map<string, SigningKey>

  constructor (algorithm: PublicAlgorithm = 'ES256', maxTokenLifetime = 86_400) {
    this.algorithm = algorithm
    this.maxTokenLifetime = maxTokenLifetime
    this.#keys = new Map(PUBLIC_ALGORITHMS.map((alg) => [KIDS[alg], { kid: KIDS[alg], alg, ...pairs[alg] }]))
  }

  current (): SigningKey | Promise<SigningKey> {
    return this.#keys.get(KIDS[this.algorithm])!
  }

  find (kid: string): SigningKey | undefined | Promise<SigningKey | undefined> {
    if (typeof kid !== 'string') throw new TypeError('A kid is text')
    const key = this.#keys.get(kid)
    const count = () => { this.checks++ }
    // Another object each time: of each, the public key is read once.
    return key && {
      ...key,
      get publicKey () {
        count()
        return key.publicKey
      }
    }
  }

  drop (): void {
    this.#keys.delete(KIDS[this.algorithm])
  }

  async toJwks (): Promise<JSONWebKeySet> {
    return { keys: [] }
  }
}

/** A store in memory that can be away, and remembers what it was asked and given. */
export class TestStore extends MemoryStore {
  isAway = false
  /** The names of the methods that were called. */
  readonly calls: string[] = []
  readonly tokens = new Map<string, StoredToken>()

  override async saveToken (hash: string, token: StoredToken): Promise<void> {
    this.#use('saveToken')
    this.tokens.set(hash, token)
    await super.saveToken(hash, token)
  }

  override async findToken (hash: string): Promise<StoredToken | undefined> {
    this.#use('findToken')
    return await super.findToken(hash)
  }

  override async removeToken (hash: string): Promise<void> {
    this.#use('removeToken')
    this.tokens.delete(hash)
    await super.removeToken(hash)
  }

  override async addRevocation (revocation: Revocation): ReturnType<MemoryStore['addRevocation']> {
    this.#use('addRevocation')
    return await super.addRevocation(revocation)
  }

  override async listRevocations (after?: FeedMark): ReturnType<MemoryStore['listRevocations']> {
    this.#use('listRevocations')
    return await super.listRevocations(after)
  }

  #use (method: string): void {
    this.calls.push(method)
    if (this.isAway) throw new Error('the store is away')
  }
}

/** Tokens that another library with the same key may make of the same claims. */
export const EQUIVALENTS: Record<string, (forge: Forge) => string> = {
  'as we make it': (forge) => forge.genuine(),
  'the header in another order': (forge) => forge.make(Object.fromEntries(Object.entries(forge.header).reverse()), forge.claims),
  'the header with spaces': (forge) => forge.make(JSON.stringify(Object.fromEntries(Object.entries(forge.header).reverse())).replaceAll(/[{,:}]/g, ' $& '), forge.claims),
  'the typ with its prefix': (forge) => forge.withHeader({ typ: 'application/at+jwt' }),
  'the typ in capitals': (forge) => forge.withHeader({ typ: 'AT+JWT' }),
  'the typ in capitals with its prefix': (forge) => forge.withHeader({ typ: 'Application/AT+JWT' }),
  'a kid': (forge) => forge.withHeader({ kid: 'one' }),
  'our audience in a list': (forge) => forge.withClaims({ aud: ['https://other.example', AUDIENCE] }),
  'a subject that is not the client': (forge) => forge.withClaims({ sub: 'somebody' }),
  'an nbf that is over': (forge) => forge.withClaims({ nbf: now() - 10 }),
  'times with fractions': (forge) => forge.withClaims({ iat: now() - 0.5, exp: now() + 60.5 }),
  'further claims': (forge) => forge.withClaims({ acr: 'urn:example', groups: ['a'], __proto__: null })
}

/** RFC 7519 §7.2, RFC 8725, RFC 9068 §4: tokens that nobody may get in with, and what is said of them. */
export const ATTACKS: Record<string, [(forge: Forge) => string, string]> = {
  ...Object.fromEntries(['none', 'None', 'NONE', 'nOnE', ''].flatMap((alg) => [
    [`alg "${alg}" without a signature`, [(forge: Forge) => `${encode({ ...forge.header, alg })}.${encode(forge.claims)}.`, NOT_OURS]],
    [`alg "${alg}" with a signature`, [(forge: Forge) => forge.withHeader({ alg }), NOT_OURS]]
  ])),
  'no alg': [(forge) => forge.withHeader({ alg: undefined }), NOT_OURS],
  'alg as a list': [(forge) => forge.withHeader({ alg: [forge.algorithm] }), NOT_OURS],
  'alg in lower case': [(forge) => forge.withHeader({ alg: forge.algorithm.toLowerCase() }), NOT_OURS],
  'alg of a longer hash': [(forge) => forge.withHeader({ alg: forge.algorithm.slice(0, 2) + '512' }), NOT_OURS],
  'alg of another kind of key': [(forge) => forge.withHeader({ alg: forge.algorithm === 'RS256' ? 'ES256' : 'RS256' }), NOT_OURS],

  ...Object.fromEntries(['JWT', 'jwt', '', 'at+jwt ', 'xat+jwt', 'at jwt', 'dpop+jwt', 'id_token+jwt', 'text/at+jwt', 'application/application/at+jwt'].map((typ) =>
    [`typ "${typ}"`, [(forge: Forge) => forge.withHeader({ typ }), NOT_OURS]])),
  'no typ': [(forge) => forge.withHeader({ typ: undefined }), NOT_OURS],
  'typ null': [(forge) => forge.withHeader({ typ: null }), NOT_OURS],
  'typ as a list': [(forge) => forge.withHeader({ typ: ['at+jwt'] }), NOT_OURS],

  'an unknown crit': [(forge) => forge.withHeader({ crit: ['exp'], exp: 1 }), INVALID],
  'a crit that is not there': [(forge) => forge.withHeader({ crit: ['urn:example'] }), INVALID],
  'an unencoded payload (RFC 7797)': [(forge) => forge.withHeader({ b64: false, crit: ['b64'] }), INVALID],
  'an empty crit': [(forge) => forge.withHeader({ crit: [] }), INVALID],
  'a crit that is text': [(forge) => forge.withHeader({ crit: 'exp' }), INVALID],
  'a crit of numbers': [(forge) => forge.withHeader({ crit: [1] }), INVALID],
  'a crit that is null': [(forge) => forge.withHeader({ crit: null }), INVALID],
  'a crit that is an object': [(forge) => forge.withHeader({ crit: { length: 0 } }), INVALID],

  'a header that is null': [(forge) => forge.make(null, forge.claims), NOT_OURS],
  'a header that is a list': [(forge) => forge.make([forge.header], forge.claims), NOT_OURS],
  'a header that is text': [(forge) => forge.make('"at+jwt"', forge.claims), NOT_OURS],
  'a header that is no JSON': [(forge) => forge.make('{', forge.claims), NOT_OURS],

  'the signature of another key': [(forge) => forge.make(forge.header, forge.claims, otherKey(forge)), INVALID],
  'an embedded jwk and its signature': [(forge) => forge.make({ ...forge.header, jwk: embeddedJwk(forge) }, forge.claims, otherKey(forge)), INVALID],
  'a signature cut in half': [(forge) => forge.genuine().slice(0, -20), INVALID],
  'a signature without its last byte': [(forge) => forge.genuine().slice(0, -2), INVALID],
  'a signature of zeros': [(forge) => `${forge.segments().slice(0, 2).join('.')}.${Buffer.alloc(64).toString('base64url')}`, INVALID],
  'the signature of another token': [(forge) => [...forge.segments().slice(0, 2), forge.withClaims({ sub: 'x' }).split('.')[2]].join('.'), INVALID],
  'a payload that was changed': [(forge) => {
    const [header, , signature] = forge.segments()
    return `${header}.${encode({ ...forge.claims, scope: 'data:read data:write' })}.${signature}`
  }, INVALID],

  'no dot': [(forge) => forge.segments().join(''), NOT_OURS],
  'one dot': [(forge) => forge.segments().slice(0, 2).join('.'), INVALID],
  'three dots': [(forge) => `${forge.genuine()}.${encode('x')}`, INVALID],
  'three dots, the last at the end': [(forge) => `${forge.genuine()}.`, INVALID],
  'four dots, as a JWE has': [(forge) => `${forge.genuine()}.${encode('x')}.${encode('y')}`, INVALID],
  'a dot at the front': [(forge) => `.${forge.genuine()}`, NOT_OURS],
  'dots alone': [() => '..', NOT_OURS],
  'no header': [(forge) => ['', ...forge.segments().slice(1)].join('.'), NOT_OURS],
  'no payload': [(forge) => [forge.segments()[0], '', forge.segments()[2]].join('.'), INVALID],
  'no signature': [(forge) => [...forge.segments().slice(0, 2), ''].join('.'), INVALID],
  'a header that is no base64': [(forge) => `~${forge.genuine()}`, INVALID],
  'a payload that is no base64': [(forge) => forge.genuine().replace('.', '.~'), INVALID],
  'a signature that is no base64': [(forge) => `${forge.segments().slice(0, 2).join('.')}.~~~~`, INVALID],
  'a genuine signature and more': [(forge) => `${forge.genuine()}~`, INVALID],
  'a genuine signature with padding': [(forge) => `${forge.genuine()}=`, INVALID],

  'a payload that is null': [(forge) => forge.make(forge.header, null), INVALID],
  'a payload that is a list': [(forge) => forge.make(forge.header, [forge.claims]), INVALID],
  'a payload that is a number': [(forge) => forge.make(forge.header, 1), INVALID],
  'a payload that is text': [(forge) => forge.make(forge.header, '"text"'), INVALID],
  'a payload that is true': [(forge) => forge.make(forge.header, true), INVALID],
  'a payload that is no JSON': [(forge) => forge.make(forge.header, '{"iss":'), INVALID],
  'a payload that is empty': [(forge) => forge.make(forge.header, {}), INVALID],
  'a payload whose exp is NaN': [(forge) => forge.make(forge.header, JSON.stringify(forge.claims).replace(/"exp":\d+/, '"exp":NaN')), INVALID],
  'a payload whose exp is beyond all numbers': [(forge) => forge.make(forge.header, JSON.stringify(forge.claims).replace(/"exp":\d+/, '"exp":1e999')), INVALID],
  'a payload whose claims are those of its prototype': [(forge) => forge.make(forge.header, `{"__proto__":${JSON.stringify(forge.claims)}}`), INVALID],

  ...Object.fromEntries(['iss', 'sub', 'client_id', 'jti', 'iat', 'exp'].map((name) =>
    [`no ${name}`, [(forge: Forge) => forge.withClaims({ [name]: undefined }), INVALID]])),
  'no aud': [(forge) => forge.withClaims({ aud: undefined }), OTHER_AUDIENCE],
  ...Object.fromEntries(['sub', 'client_id', 'jti'].flatMap((name) => ['', 5, null, ['x'], {}].map((value) =>
    [`${name} ${JSON.stringify(value)}`, [(forge: Forge) => forge.withClaims({ [name]: value }), INVALID]]))),
  ...Object.fromEntries(['https://evil.example', `${ISSUER}/`, ISSUER.toUpperCase(), 'as.example', '', null, 5, [ISSUER]].map((iss) =>
    [`iss ${JSON.stringify(iss)}`, [(forge: Forge) => forge.withClaims({ iss }), INVALID]])),
  ...Object.fromEntries(['https://other.example', `${AUDIENCE}/`, AUDIENCE.toUpperCase(), '', null, 5, {}, [], ['https://other.example'], [[AUDIENCE]]].map((aud) =>
    [`aud ${JSON.stringify(aud)}`, [(forge: Forge) => forge.withClaims({ aud }), OTHER_AUDIENCE]])),
  ...Object.fromEntries(['iat', 'exp', 'nbf'].flatMap((name) => [String(now() + 60), null, '', true, [now() + 60], {}].map((value) =>
    [`${name} ${JSON.stringify(value)}`, [(forge: Forge) => forge.withClaims({ [name]: value }), INVALID]]))),
  'exp in the past': [(forge) => forge.withClaims({ iat: now() - 100, exp: now() - 1 }), EXPIRED],
  'exp now': [(forge) => forge.withClaims({ exp: now() }), EXPIRED],
  'exp zero': [(forge) => forge.withClaims({ exp: 0 }), EXPIRED],
  'exp below zero': [(forge) => forge.withClaims({ exp: -1 }), EXPIRED],
  'nbf in the future': [(forge) => forge.withClaims({ nbf: now() + 30 }), INVALID],
  ...Object.fromEntries([[READ], { [READ]: true }, 5, true, null].map((scope) =>
    [`scope ${JSON.stringify(scope)}`, [(forge: Forge) => forge.withClaims({ scope }), INVALID]])),
  ...Object.fromEntries([{ jkt: 'thumbprint' }, { 'x5t#S256': 'thumbprint' }, {}, null, 'thumbprint', 5, false, []].map((cnf) =>
    [`cnf ${JSON.stringify(cnf)}, used as Bearer`, [(forge: Forge) => forge.withClaims({ cnf }), INVALID]])),

  'a huge token without a dot': [() => 'a'.repeat(1_000_000), NOT_OURS],
  'a huge token of dots': [() => '.'.repeat(100_000), NOT_OURS],
  'a huge header': [(forge) => `${encode('['.repeat(100_000))}.${encode(forge.claims)}.x`, NOT_OURS],
  'a huge payload': [(forge) => `${encode(forge.header)}.${encode('['.repeat(100_000))}.x`, INVALID],
  'a huge signature': [(forge) => `${forge.segments().slice(0, 2).join('.')}.${'a'.repeat(100_000)}`, INVALID]
}

/** What works only where there is a public key. */
export const PUBLIC_KEY_ATTACKS: Record<string, [(forge: Forge) => string, string]> = {
  'HS256 with the public key as its secret': [(forge) => signedWithPublicKey(forge, 'HS256'), NOT_OURS],
  'HS256 with the public key as its secret, under our alg': [(forge) => signedWithPublicKey(forge, forge.algorithm), INVALID],
  'a signature in DER': [(forge) => {
    const input = forge.segments().slice(0, 2).join('.')
    const der = sign('sha256', Buffer.from(input), pairs.ES256.privateKey)
    return `${input}.${der.toString('base64url')}`
  }, INVALID]
}

function signedWithPublicKey (forge: Forge, alg: string): string {
  const input = `${encode({ ...forge.header, alg })}.${encode(forge.claims)}`
  return `${input}.${signatureOf('HS256', input, publicPem(pairs[forge.algorithm as PublicAlgorithm].publicKey))}`
}

const otherKey = ({ algorithm }: Forge) => algorithm === 'HS256' ? 'another secret of more than thirty-two characters' : strangers[algorithm].privateKey
const embeddedJwk = ({ algorithm }: Forge) => algorithm === 'HS256'
  ? { kty: 'oct', k: encode('another secret of more than thirty-two characters') }
  : strangers[algorithm].publicKey.export({ format: 'jwk' })

const otherAlgorithms = ({ algorithm }: Forge) => PUBLIC_ALGORITHMS.filter((other) => other !== algorithm)

/** A token that is signed with a public key as if that were a secret. */
function signedByHmac (forge: Forge, secret: string | Buffer): string {
  const input = `${encode({ ...forge.header, alg: 'HS256' })}.${encode(forge.claims)}`
  return `${input}.${signatureOf('HS256', input, secret)}`
}

const publicKeyOf = ({ algorithm }: Forge) => pairs[algorithm as PublicAlgorithm].publicKey
const jwkOf = (forge: Forge) => publicKeyOf(forge).export({ format: 'jwk' })

/** RFC 8725 §3.1, §3.11: a key is used with its own algorithm only, and by what it signs nobody gets in but with an access token. */
export const KEY_ATTACKS: typeof ATTACKS = {
  'no kid': [(forge) => forge.withHeader({ kid: undefined }), INVALID],
  ...Object.fromEntries(['one', '', ' ', '__proto__', 'constructor', null, 0, true, ['x'], {}].map((kid) =>
    [`kid ${JSON.stringify(kid)}`, [(forge: Forge) => forge.withHeader({ kid }), INVALID]])),
  'our kid in a list': [(forge) => forge.withHeader({ kid: [forge.kid] }), INVALID],
  ...Object.fromEntries(PUBLIC_ALGORITHMS.slice(1).flatMap((_, index): [string, typeof ATTACKS[string]][] => [
    [`the kid of another key of ours, ${index}`, [(forge) => forge.withHeader({ kid: KIDS[otherAlgorithms(forge)[index]!] }), INVALID]],
    [`the kid and alg of another key of ours, ${index}`, [(forge) => {
      const alg = otherAlgorithms(forge)[index]!
      return forge.withHeader({ alg, kid: KIDS[alg] })
    }, INVALID]],
    [`our kid, and a genuine signature of another key of ours with its alg, ${index}`, [(forge) => {
      const alg = otherAlgorithms(forge)[index]!
      return new Forge(alg, forge.kid).genuine()
    }, INVALID]]
  ])),
  'our kid, and a signature of our key by another algorithm': [(forge) => {
    const other = ({ RS256: 'PS256', PS256: 'RS256' } as const)[forge.algorithm as 'RS256'] ?? forge.algorithm
    const input = `${encode({ ...forge.header, alg: other === forge.algorithm ? 'ES384' : other })}.${encode(forge.claims)}`
    return `${input}.${signatureOf(other, input, forge.key)}`
  }, INVALID],
  'HS256 with the PEM of the public key': [(forge) => signedByHmac(forge, publicPem(publicKeyOf(forge))), INVALID],
  'HS256 with the PEM of the public key, without its last line end': [(forge) => signedByHmac(forge, publicPem(publicKeyOf(forge)).trim()), INVALID],
  'HS256 with the DER of the public key': [(forge) => signedByHmac(forge, publicKeyOf(forge).export({ type: 'spki', format: 'der' })), INVALID],
  'HS256 with the JWK of the public key': [(forge) => signedByHmac(forge, JSON.stringify(jwkOf(forge))), INVALID],
  'HS256 with the JWK of the public key and its names': [(forge) => signedByHmac(forge, JSON.stringify({ ...jwkOf(forge), kid: forge.kid, alg: forge.algorithm, use: 'sig' })), INVALID],
  'HS256 with x of the public key': [(forge) => signedByHmac(forge, Buffer.from(String(jwkOf(forge).x ?? jwkOf(forge).n), 'base64url')), INVALID],
  'HS256 with an empty secret': [(forge) => signedByHmac(forge, ''), INVALID],
  'a token of another issuer with the same kid': [(forge) => forge.make(forge.header, { ...forge.claims, iss: 'https://other.example' }, strangers[forge.algorithm as PublicAlgorithm].privateKey), INVALID],
  'a token of another issuer with the same kid, under our name': [(forge) => forge.make(forge.header, forge.claims, strangers[forge.algorithm as PublicAlgorithm].privateKey), INVALID],
  'a jku and x5u of somebody else': [(forge) => forge.make({ ...forge.header, kid: 'x', jku: 'https://other.example/jwks.json', x5u: 'https://other.example/key.pem' }, forge.claims, strangers.ES256.privateKey), INVALID],
  'a signed introspection response (RFC 9701)': [(forge) => forge.make(
    { ...forge.header, typ: 'token-introspection+jwt' }, { iss: ISSUER, aud: AUDIENCE, iat: now(), token_introspection: { active: true, ...forge.claims } }), INVALID],
  'a signed introspection response with all claims': [(forge) => forge.withHeader({ typ: 'token-introspection+jwt' }), INVALID],
  'an ID token': [(forge) => forge.make({ ...forge.header, typ: 'JWT' }, { ...forge.claims, nonce: 'n', auth_time: now(), azp: 'reader' }), INVALID],
  'an ID token without typ': [(forge) => forge.make({ ...forge.header, typ: undefined }, { ...forge.claims, nonce: 'n' }), INVALID],
  'a client assertion': [(forge) => forge.make({ ...forge.header, typ: 'client-authentication+jwt' }, forge.claims), INVALID],
  'a genuine token that is too long': [(forge) => forge.withClaims({ filler: 'a'.repeat(16_384) }), INVALID],
  'exp as text': [(forge) => forge.withClaims({ exp: String(now() + 60) }), INVALID],
  'audiences without ours': [(forge) => forge.withClaims({ aud: ['https://other.example', `${AUDIENCE}/`, `${AUDIENCE}/tenant`] }), OTHER_AUDIENCE]
}
