import t from 'tap'
import { introspectionResponseSchema } from '../../schemas/index.ts'
import type { ClientCredentialsGrantContext } from '../../src/access-token/access-tokens.ts'
import { JwtAccessTokens } from '../../src/access-token/jwt-access-tokens.ts'
import { OpaqueAccessTokens } from '../../src/access-token/opaque-access-tokens.ts'
import { createGrant, fromClaims, fromStoredToken, toClaims, toStoredToken, toTokenInformation } from '../../src/access-token/token-grant.ts'
import type { TokenClaims, TokenGrant, TokenInformation } from '../../src/access-token/token-grant.ts'
import { sha256Base64url } from '../../src/lib/sha256.ts'
import { SigningKeys } from '../../src/signing-keys/signing-keys.ts'
import { MemoryStore } from '../../src/stores/memory.ts'

const ISSUER = 'https://as.example'
const OTHER = 'https://other.example'
const API = 'https://api.example'
const NOW = 1_800_000_000

/** A grant in which every member has a value. */
const FULL: TokenGrant = {
  issuer: ISSUER,
  subject: 'service',
  clientId: 'service',
  scope: ['data:read', 'data:write'],
  audience: [API, 'https://other.example'],
  issuedAt: NOW,
  expiresAt: NOW + 60,
  id: 'token-id',
  generation: 7,
  confirmation: { jkt: 'thumbprint' },
  claims: { tenant: 'acme', roles: ['a', { b: 1 }] }
}

const PLAIN: TokenGrant = { ...FULL, scope: [], audience: [API], generation: 0, confirmation: undefined, claims: undefined }

const throughJson = <T>(value: T) => JSON.parse(JSON.stringify(value)) as T

const contextOf = (grant: TokenGrant): ClientCredentialsGrantContext => ({
  client: { id: grant.clientId, grants: ['client_credentials'] },
  grantType: 'client_credentials',
  scope: [...grant.scope],
  tokenType: 'Bearer',
  accessTokenLifetime: 60,
  origin: '',
  resource: [],
  audience: grant.audience,
  confirmation: grant.confirmation,
  generation: grant.generation
})

t.test('A grant is read from the claims of a JWT as it was written, every member of it', async (t) => {
  for (const grant of [FULL, PLAIN]) t.strictSame(fromClaims(throughJson(toClaims(grant)), grant.scope), grant)
})

t.test('A grant is read from the row of an opaque token as it was written, but the id, which is the hash', async (t) => {
  for (const grant of [FULL, PLAIN]) t.strictSame(fromStoredToken(throughJson(toStoredToken(grant)), ISSUER), { ...grant, id: undefined })
})

t.test('RFC 7662 §2.2: introspection tells every member of a grant under a name that the JSON Schema documents, and the further claims', async (t) => {
  const documented = Object.keys(introspectionResponseSchema.properties)
  t.strictSame(['active', ...Object.keys(toTokenInformation({ ...FULL, claims: undefined }))].sort(), [...documented].sort())
  t.match(toTokenInformation(FULL), FULL.claims)
})

// A member of one of the types that the JSON Schema lacks, or the other way round, does not compile.
const documented: Record<Exclude<keyof typeof introspectionResponseSchema.properties, 'active'>, true> = {} as Record<keyof TokenInformation, true>
const told: Record<keyof TokenInformation, true> = documented
t.ok(told)

t.test('RFC 9068 §2.2, RFC 7662 §2.2: a further claim never has the name of one that a grant or a response has', async (t) => {
  const names = [...Object.keys(toClaims(FULL)), ...Object.keys(toTokenInformation(FULL)), 'active', 'nbf', 'toJSON'].filter((name) => !Object.hasOwn(FULL.claims!, name))
  for (const name of names) {
    const grant = createGrant(contextOf(FULL), { issuer: ISSUER, audiences: [API], issuedAt: NOW, claims: { [name]: 'forged', tenant: 'acme' } })
    t.strictSame(grant.claims, { tenant: 'acme' }, name)
    t.equal(createGrant(contextOf(FULL), { issuer: ISSUER, audiences: [API], issuedAt: NOW, claims: { [name]: 'forged' } }).claims, undefined, name)
  }
})

t.test('A token lives no longer than its kind allows', async (t) => {
  t.equal(createGrant(contextOf(FULL), { issuer: ISSUER, audiences: [API], issuedAt: NOW }).expiresAt, NOW + 60)
  t.equal(createGrant(contextOf(FULL), { issuer: ISSUER, audiences: [API], issuedAt: NOW, maxLifetime: 10 }).expiresAt, NOW + 10)
})

t.test('RFC 8707 §2: a kind whose issue is called by a callback grants the audience itself', async (t) => {
  const store = new MemoryStore()
  const kinds = [
    new JwtAccessTokens({ issuer: ISSUER, audience: [API, OTHER], keys: new SigningKeys(store) }),
    new OpaqueAccessTokens({ issuer: ISSUER, audience: [API, OTHER], store })
  ]
  const { audience, ...context } = contextOf(PLAIN)
  const { client } = context
  for (const tokens of kinds) {
    const audienceOf = async (asked: object) => (await tokens.issue({ ...context, ...asked })).audience
    t.strictSame(await audienceOf({}), [API])
    t.strictSame(await audienceOf({ resource: [OTHER] }), [OTHER])
    t.strictSame(await audienceOf({ client: { ...client, audiences: [OTHER] } }), [OTHER])
    t.strictSame(await audienceOf({ audience }), audience)
    await t.rejects(tokens.issue({ ...context, resource: ['https://elsewhere.example'] }), { code: 'invalid_target' })
    await t.rejects(tokens.issue({ ...context, client: { ...client, audiences: [] } }), { code: 'invalid_target' })
  }
})

t.test('A further claim reaches the guard and introspection by every kind of token', async (t) => {
  const store = new MemoryStore()
  const claims = { tenant: 'acme' }
  const jwt = new JwtAccessTokens({ issuer: ISSUER, audience: API, keys: new SigningKeys(store), claims: () => claims })
  const opaque = new OpaqueAccessTokens({ issuer: ISSUER, audience: API, store })
  const row = toStoredToken(createGrant(contextOf(PLAIN), { issuer: ISSUER, audiences: [API], issuedAt: Math.floor(Date.now() / 1000), claims }))
  await store.saveToken(sha256Base64url('opaque'), row)
  for (const [tokens, token] of [[jwt, (await jwt.issue(contextOf(PLAIN))).accessToken], [opaque, 'opaque']] as const) {
    const result = await tokens.verify(token)
    t.match(result, { isValid: true, credentials: { app: { id: 'service' }, claims: { ...claims, client_id: 'service', aud: API } } })
    if (result.isValid) t.ok(Object.isFrozen(result.credentials.claims))
    t.match(await tokens.introspect(token), { ...claims, client_id: 'service' })
  }
})

t.test('A JWT of a release without generations counts as one of generation 0', async (t) => {
  const { gen, ...claims } = toClaims(FULL)
  t.equal(fromClaims(claims as TokenClaims, FULL.scope).generation, 0)
  t.equal(fromClaims({ ...claims, gen: '7' } as unknown as TokenClaims, FULL.scope).generation, 0)
})
