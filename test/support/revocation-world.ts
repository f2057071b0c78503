// Processes of a server on one store, each with clocks of its own, and a line to the store that can be cut or held.
import type { Test } from 'tap'
import {
  BearerTokenType, ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, MemoryStore, OpaqueAccessTokens, privateKeyJwt,
  SigningKeys, StoreUnavailableError
} from '../../src/index.ts'
import type { JwtAccessTokensOptions } from '../../src/access-token/jwt-access-tokens.ts'
import type { SigningKeysOptions } from '../../src/adapter.ts'
import type { ClientCredentialsFlow, Confirmation } from '../../src/index.ts'
import { basic, FORM, form } from './demo.ts'
import { stopwatch } from './stopwatch.ts'

export const START = 1_800_000_000
export const ISSUER = 'https://as.example'
export type TokenKind = 'jwt' | 'opaque'

/** The line of a process to a store. */
export interface Line {
  isCut: boolean
  /** Holds the answer of a call of the store back until the promise is fulfilled. */
  hold: ((method: string) => Promise<unknown> | undefined) | undefined
}

/** How a process is started. */
export interface ProcessOptions {
  kind?: TokenKind
  store?: MemoryStore
  /** Seconds that its wall clock is ahead. */
  ahead?: number
  keys?: SigningKeysOptions
  tokens?: Partial<JwtAccessTokensOptions>
}

export interface Process {
  readonly clients: ClientRegistry
  readonly keys: SigningKeys
  readonly tokens: JwtAccessTokens | OpaqueAccessTokens
  readonly flow: ClientCredentialsFlow
  readonly line: Line
  /** Its wall clock, beside that of all. */
  readonly clock: { ahead: number }
  /** Happens in each token request between the authentication of the client and the issuance of the token. */
  readonly between: { work: (() => Promise<unknown>) | undefined }
}

/** What the token endpoint has answered. */
export interface TokenAnswer { status: number, code: string | undefined, token: string, scope: string | undefined }

export interface World {
  readonly store: MemoryStore
  /** Lets time pass, by all clocks. */
  pass (seconds: number): void
  /** Sets all wall clocks, that of the store too. */
  jump (seconds: number): void
  start (options?: ProcessOptions): Process
}

/** Binds nothing, and takes its time for that. */
class SlowTokenType extends BearerTokenType {
  readonly #between: Process['between']

  constructor (between: Process['between']) {
    super()
    this.#between = between
  }

  async confirmTokenRequest (): Promise<Confirmation | undefined> {
    await this.#between.work?.()
    return undefined
  }
}

function over (store: MemoryStore, line: Line): MemoryStore {
  return new Proxy(store, {
    get (target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return async (...values: unknown[]) => {
        if (line.isCut) throw new StoreUnavailableError(new Error('ECONNREFUSED'))
        const answer: unknown = await member.apply(target, values)
        await line.hold?.(String(name))
        return answer
      }
    }
  })
}

/** Makes a store, and stops the monotonic clock of the test. */
export function worldOf (t: Test): World {
  const passMonotonic = stopwatch(t)
  let time = START
  const store = new MemoryStore({ now: () => time })
  return {
    store,
    pass (seconds) {
      time += seconds
      passMonotonic(seconds * 1000)
    },
    jump (seconds) { time += seconds },
    start ({ kind = 'jwt', store: ownStore = store, ahead = 0, keys: keyOptions, tokens: tokenOptions } = {}) {
      const line: Line = { isCut: false, hold: undefined }
      const clock = { ahead }
      const between: Process['between'] = { work: undefined }
      const now = () => time + clock.ahead
      const view = over(ownStore, line)
      const clients = new ClientRegistry(view, { now })
      const keys = new SigningKeys(view, { now, ...keyOptions })
      const common = { issuer: ISSUER, audience: ISSUER, now }
      const tokens = kind === 'jwt'
        ? new JwtAccessTokens({ ...common, keys, revocations: view, signing: 'batch', ...tokenOptions })
        : new OpaqueAccessTokens({ ...common, store: view })
      const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/token' })
        .setScopes({ read: 'Read', write: 'Write' })
        .clientSecretBasicAuthenticationMethod()
        .addClientAuthenticationMethod(privateKeyJwt({ issuer: ISSUER, clients, replays: view, now }))
        .setTokenType(new SlowTokenType(between))
        .useClients(clients)
        .useAccessTokens(tokens)
        .build()
      return { clients, keys, tokens, flow, line, clock, between }
    }
  }
}

/** Requests a token, with a secret or with further parameters that prove the client. */
export async function requestToken ({ flow }: Process, id: string, secret: string | undefined, parameters: Record<string, string> = {}): Promise<TokenAnswer> {
  const headers = { 'content-type': FORM, ...(secret !== undefined && { authorization: basic(id, secret) }) }
  const result = await flow.token(new Request(`${ISSUER}/token`, { method: 'POST', headers, body: form({ grant_type: 'client_credentials', ...parameters }) }))
  if (!result.success) return { status: result.error.status, code: result.error.code, token: '', scope: undefined }
  return { status: 200, code: undefined, token: result.tokenResponse.access_token, scope: result.tokenResponse.scope }
}

/** Presents a token at a guarded route. @returns the status of the answer */
export async function use ({ flow }: Process, token: string): Promise<number> {
  const result = await flow.verifyToken(new Request(`${ISSUER}/data`, { headers: { authorization: `Bearer ${token}` } }))
  return result.success ? 200 : result.error.status
}

/** Presents a token in several processes. */
export async function useAll (processes: readonly Process[], token: string): Promise<number[]> {
  return await Promise.all(processes.map((process) => use(process, token)))
}

/** Something that is waited for until it is released. */
export function gate (): { readonly opened: Promise<void>, open (): void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => { open = resolve })
  return { opened, open: () => { open() } }
}
