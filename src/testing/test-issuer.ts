import { randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import {
  ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, MemoryStore, SigningKeys, BearerTokenType, CertificateBoundTokenType, DPoPTokenType
} from '../index.ts'
import { createIssuerHandler } from './issuer-handler.ts'
import { listen } from './listener.ts'
import type { Listener } from './listener.ts'
import { testClock } from './test-clock.ts'
import type { TestClock } from './test-clock.ts'

/** Options of {@link testIssuer}. */
export interface TestIssuerOptions {
  /** The issuer identifier. Default the URL on loopback that the issuer listens on; then it listens immediately. */
  issuer?: string
  /** The audience of tokens. Default "https://api.example.com". */
  audience?: string | readonly string[]
  /** The JWS algorithm of the keys. Default "ES256". */
  algorithm?: 'ES256' | 'EdDSA' | 'RS256' | 'PS256'
  /** The clock of all parts of the issuer. Default a new one. */
  clock?: TestClock
}

/** The contents of a token. */
export interface IssuedTokenOptions {
  /** The client. Default "test-client". */
  client?: string
  /** The scopes, as a list or separated by spaces. Default none. */
  scope?: string | readonly string[]
  /** The audience. Default the first audience of the issuer. */
  audience?: string | readonly string[]
  /** The lifetime in seconds from now; negative for an expired token. Default 300. */
  lifetime?: number
  /** The thumbprint of the key that the token is bound to by DPoP (RFC 9449 §6.1). Default none. */
  proofKey?: { readonly thumbprint: string }
  /** Further claims. They override those above; undefined omits a claim. */
  claims?: Readonly<Record<string, unknown>>
  /** Members of the header. They override `typ`, `alg` and `kid`. */
  header?: Readonly<Record<string, string>>
}

/** An authorization server in the process: tokens with any claims, keys, JWKS, metadata, token endpoint and introspection. */
export interface TestIssuer {
  /** The issuer identifier. */
  readonly issuer: string
  /** The clock of the issuer. Pass its `now` to the parts under test, too. */
  readonly clock: TestClock
  /** The clients of its token endpoint and of introspection. */
  readonly clients: ClientRegistry
  /** Handles requests to this issuer without a socket: for `fetch` of RemoteAccessTokens or of a client. Any other URL is a network error. */
  readonly fetch: typeof fetch
  /** Signs a token with the current key. */
  token (options?: IssuedTokenOptions): Promise<string>
  /** Rotates to a new key, which advances the clock by one second. The keys before it stay in the JWKS, unless `drop` is true. */
  rotateKey (options?: { drop?: boolean }): Promise<void>
  /** Revokes a token. Introspection then reports it as inactive. */
  revoke (token: string): Promise<void>
  /** Makes the issuer unavailable, or available again. */
  setAvailable (isAvailable: boolean): void
  /** Stops listening. */
  close (): Promise<void>
}

// Seconds. The minimum.
const ANNOUNCE_FOR = 1

/** Creates an issuer for tests of applications that verify tokens of another server. */
export async function testIssuer ({ issuer, audience = 'https://api.example.com', algorithm = 'ES256', clock = testClock() }: TestIssuerOptions = {}): Promise<TestIssuer> {
  const listener: Listener | undefined = issuer === undefined ? await listen() : undefined
  const name = issuer ?? (listener as Listener).origin
  const { now } = clock
  const store = new MemoryStore()
  const clients = new ClientRegistry(store, { now })
  const keys = new SigningKeys(store, { algorithm, announceFor: ANNOUNCE_FOR, now })
  const accessTokens = new JwtAccessTokens({ issuer: name, audience, keys, revocations: store, now })
  const flow = new ClientCredentialsFlowBuilder()
    .setTokenEndpoint(`${new URL(name).pathname.replace(/\/$/, '')}/oauth2/token`)
    .useClients(clients)
    .useAccessTokens(accessTokens)
    .setTokenType(new BearerTokenType(), new DPoPTokenType({ replays: store, now }), new CertificateBoundTokenType())
    .addClientAuthenticationMethod('client_secret_basic')
    .addClientAuthenticationMethod('client_secret_post')
    .build()
  const handle = createIssuerHandler(flow, keys)
  let isAvailable = true
  const answer = async (request: Request): Promise<Response> => isAvailable ? await handle(request) : new Response(null, { status: 503 })
  listener?.serve(answer)

  return {
    issuer: name,
    clock,
    clients,
    async fetch (input, init) {
      const request = new Request(input, init)
      if (!isAvailable || new URL(request.url).origin !== new URL(name).origin) throw new TypeError('fetch failed')
      return await answer(request)
    },
    async token ({ client = 'test-client', scope = [], audience: aud = [audience].flat()[0] as string, lifetime = 300, proofKey, claims, header } = {}) {
      const { kid, alg, privateKey } = await keys.current()
      const iat = now()
      const all = {
        iss: name,
        aud: typeof aud === 'string' ? aud : [...aud],
        sub: client,
        client_id: client,
        jti: randomUUID(),
        iat: lifetime < 0 ? iat + 2 * lifetime : iat,
        exp: iat + lifetime,
        scope: scope.length === 0 ? undefined : [scope].flat().join(' '),
        cnf: proofKey && { jkt: proofKey.thumbprint },
        ...claims
      }
      const present = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
      return await new SignJWT(present).setProtectedHeader({ typ: 'at+jwt', alg, kid, ...header }).sign(privateKey)
    },
    async rotateKey ({ drop = false } = {}) {
      const { kid } = await keys.current()
      await keys.rotate()
      clock.advance(ANNOUNCE_FOR)
      if (drop) await keys.revoke(kid)
    },
    async revoke (token) { await accessTokens.revoke?.(token) },
    setAvailable (value) { isAvailable = value },
    async close () { await listener?.close() }
  }
}
