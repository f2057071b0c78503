// The real thing beside the model: processes that share a store, each with a registry, keys, tokens and a flow of its own.
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { handleIntrospectionRequest, handleRevocationRequest, settingsOf } from '../../src/adapter.ts'
import { ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, MemoryStore, OpaqueAccessTokens, SigningKeys } from '../../src/index.ts'
import type { FormParameters, IntrospectionResponse } from '../../src/adapter.ts'
import type { AccessTokens, ClientCredentialsFlow } from '../../src/index.ts'
import type { ClientStore, EntryStore, KeyStore, ReplayStore, RevocationStore, SettingsStore, TokenStore } from '../../src/stores/contracts/index.ts'
import { basic, FORM, form } from './demo.ts'

export const ISSUER = 'https://as.example'
export const API = 'https://api.example'
export const REPORTS = 'https://reports.example/v1'
export const SCOPES = ['data:read', 'data:write', 'reports'] as const

/** Seconds. Short, so that histories see keys come and go. */
export const LIFETIME = 300
export const MAX_LIFETIME = 400
export const CLOCK_TOLERANCE = 5
const KEY_TIMES = { rotateEvery: 1500, announceFor: 200, maxTokenLifetime: MAX_LIFETIME, clockTolerance: 10 }

/** What all parts of a server need of a store. */
export type WholeStore = KeyStore & RevocationStore & TokenStore & ClientStore & ReplayStore & EntryStore & SettingsStore
export type TokenKind = 'jwt' | 'opaque'

/** One process on a store. */
export interface ServerProcess {
  clients: ClientRegistry
  keys: SigningKeys
  tokens: AccessTokens & { revokeClient (clientId: string): Promise<void>, start (): Promise<void> }
  flow: ClientCredentialsFlow
}

/** Starts a process. */
export function startProcess (store: WholeStore, kind: TokenKind, now: () => number, audience: string | readonly string[] = [API, REPORTS]): ServerProcess {
  const clients = new ClientRegistry(store, { now })
  const keys = new SigningKeys(store, { ...KEY_TIMES, now })
  const tokens = kind === 'jwt'
    ? new JwtAccessTokens({ issuer: ISSUER, audience, keys, revocations: store, clockTolerance: CLOCK_TOLERANCE, signing: 'batch', now })
    : new OpaqueAccessTokens({ issuer: ISSUER, audience, store, maxTokenLifetime: MAX_LIFETIME, clockTolerance: CLOCK_TOLERANCE, now })
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/token', accessTokenLifetime: LIFETIME })
    .setScopes(Object.fromEntries(SCOPES.map((name) => [name, name])))
    .useClients(clients)
    .useAccessTokens(tokens)
    .build()
  return { clients, keys, tokens, flow }
}

export function memoryStore (now: () => number): WholeStore {
  return new MemoryStore({ now })
}

/** The same store as another process has it: what this process holds of it, it does not share. */
export function asElsewhere (store: WholeStore): WholeStore {
  return new Proxy(store, {
    get (target, name) {
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    }
  })
}

const requestOf = (clientId: string, secret: string, parameters: Record<string, string>): Request =>
  new Request(`${ISSUER}/token`, { method: 'POST', headers: { authorization: basic(clientId, secret), 'content-type': FORM }, body: form(parameters) })

/** What the token endpoint answered. */
export interface Issued { error: string | undefined, token: string, scope: readonly string[], lifetime: number }

export async function issue ({ flow }: ServerProcess, clientId: string, secret: string, scopes: readonly string[] | undefined, resource: string | undefined): Promise<Issued> {
  const result = await flow.token(requestOf(clientId, secret, {
    grant_type: 'client_credentials', ...(scopes && { scope: scopes.join(' ') }), ...(resource !== undefined && { resource })
  }))
  if (!result.success) return { error: result.error.code, token: '', scope: [], lifetime: 0 }
  const { access_token: token, scope = '', expires_in: lifetime } = result.tokenResponse
  return { error: undefined, token, scope: scope.split(' ').filter(Boolean), lifetime }
}

/** Presents a token at a resource. @returns who calls and with which scopes; undefined if it was refused as invalid */
export async function present ({ flow }: ServerProcess, token: string): Promise<string | undefined> {
  const result = await flow.verifyToken(new Request(`${API}/data`, { headers: { authorization: `Bearer ${token}` } }))
  if (result.success) return `${result.credentials.app.id} [${[...result.credentials.scope].sort().join(' ')}]`
  if (result.error.code !== 'invalid_token') throw new Error(`A token was refused with ${result.error.code}`, { cause: result.error })
  return undefined
}

const plainRequest = (clientId: string, secret: string, parameters: FormParameters) => ({
  method: 'POST', url: '/', form: parameters, header: (name: string) => name === 'authorization' ? basic(clientId, secret) : undefined
})

export async function introspect ({ flow }: ServerProcess, clientId: string, secret: string, token: string): Promise<IntrospectionResponse> {
  return await handleIntrospectionRequest(settingsOf(flow), plainRequest(clientId, secret, { token })) as IntrospectionResponse
}

/** Revokes a token as its client. @returns the error code, if it was refused */
export async function revoke ({ flow }: ServerProcess, clientId: string, secret: string, token: string): Promise<string | undefined> {
  return await handleRevocationRequest(settingsOf(flow), plainRequest(clientId, secret, { token })).then(() => undefined, ({ code }) => code)
}

/** The key and the audience that a token names. */
export function read (token: string): { kid: string | undefined, audience: unknown } {
  if (!token.includes('.')) return { kid: undefined, audience: undefined }
  return { kid: decodeProtectedHeader(token).kid, audience: decodeJwt(token).aud }
}
