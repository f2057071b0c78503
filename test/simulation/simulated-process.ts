// A process of the simulation: real code on a machine of its own, with a line to each database.
import { handleIntrospectionRequest, handleRevocationRequest, handleTokenRequest, settingsOf, verifyRequest } from '../../src/adapter.ts'
import { FlowConfigurationError, RemoteAccessTokens } from '../../src/index.ts'
import type { IntrospectionResponse, PlainRequest } from '../../src/adapter.ts'
import type { OAuth2Error, TokenRequest } from '../../src/index.ts'
import { Host } from './host.ts'
import type { HostOptions } from './host.ts'
import { Line } from './line.ts'
import type { Exchange, Reply } from './network.ts'
import { Observations } from './observations.ts'
import { guardParts, serverParts } from './parts.ts'
import type { Parts } from './parts.ts'
import { API, ISSUER } from './run-context.ts'
import type { RunContext } from './run-context.ts'

export type ProcessKind = 'server' | 'guard' | 'legacy' | 'introspector' | 'jwks reader' | 'command line'

/** What became of a presented token. */
export type Verdict = 'accepted' | 'revoked' | 'rejected' | 'unavailable' | 'failed'

export const OBSERVER = 'observer'

export class SimulatedProcess {
  /** The machine, and which of the processes on it. */
  readonly slot: string
  readonly incarnation: number
  readonly name: string
  readonly kind: ProcessKind
  readonly host: Host
  /** Milliseconds by which its wall clock is ahead, steps aside. */
  readonly offset: number
  readonly startedAt: number
  readonly observations: Observations
  readonly lines: { readonly main: Line, readonly second: Line }
  readonly exchanges: Exchange[] = []
  /** Whether an administrative operation is under way. */
  isAdministering = false
  /** Whether its guard has the keys alone, and names the store of the entries. */
  hasSeparateEntries = false
  /** True times until when nothing is expected of it, and it talks to an old primary. */
  disturbedUntil = 0
  misroutedUntil = -Infinity
  /** Whether its wall clock is wrong by more than is tolerated. */
  isSkewed = false
  /** Whether it was started with options that the others do not have: it works for nobody. */
  isMisconfigured = false
  /** Tokens that it has rejected as revoked. */
  readonly rejected = new Set<number>()
  readonly #run: RunContext
  #parts: Parts | undefined
  #remote: RemoteAccessTokens | undefined

  constructor (run: RunContext, slot: string, kind: ProcessKind, { incarnation = 1, ...options }: HostOptions & { incarnation?: number }) {
    this.#run = run
    this.slot = slot
    this.incarnation = incarnation
    this.name = incarnation === 1 ? slot : `${slot}#${incarnation}`
    this.kind = kind
    this.offset = options.offset ?? 0
    this.host = new Host(run.world, this.name, options)
    this.startedAt = run.world.now
    this.observations = new Observations(this.host)
    const main = new Line(this.host, run.main, this.observations)
    this.lines = { main, second: run.second === run.main ? main : new Line(this.host, run.second, this.observations) }
  }

  /** The real code. Undefined for a process that has no store. */
  get parts (): Parts | undefined {
    return this.#parts
  }

  /** Whether it verifies tokens by what it reads of the stores. */
  get isGuarding (): boolean {
    return (this.kind === 'server' || this.kind === 'guard') && !this.isMisconfigured
  }

  /** Starts the code. Must run in the process. */
  start (): void {
    if (this.kind === 'server' || this.kind === 'command line') this.#parts = serverParts(this.#run, this.lines, this.kind === 'command line')
    if (this.kind === 'guard') this.#parts = guardParts(this.#run, this.lines, this.hasSeparateEntries)
    if (this.kind === 'introspector' || this.kind === 'jwks reader') {
      const servers = () => this.#run.processes.filter(({ kind }) => kind === 'server')
      this.#remote = new RemoteAccessTokens({
        issuer: ISSUER,
        audience: API,
        fetch: this.#run.network.fetchOf(this.host, servers, this.exchanges),
        clockTolerance: this.#run.config.clockTolerance,
        ...(this.kind === 'introspector' && { introspection: { clientId: OBSERVER, clientSecret: this.#run.ledger.secrets.get(OBSERVER)![0]!.secret } })
      })
    }
    // A command compares no settings.
    if (this.kind === 'command line') return
    this.#parts?.tokens.start?.().catch((error: Error) => {
      this.#run.world.report.count(`start: ${error.name}`)
      this.isMisconfigured = error instanceof FlowConfigurationError
    })
  }

  /** Presents a token. Must run in the process. */
  async present (token: string): Promise<{ verdict: Verdict, cause: unknown }> {
    try {
      if (this.#remote !== undefined) {
        const result = await this.#remote.verify(token)
        return { verdict: result.isValid ? 'accepted' : 'rejected', cause: result.isValid ? undefined : result.cause }
      }
      await verifyRequest(settingsOf((this.#parts as Parts).flow), accessRequest(token))
      return { verdict: 'accepted', cause: undefined }
    } catch (error) {
      // An issuer that gives no answer is unavailable to a resource server elsewhere.
      this.isMisconfigured ||= (error as Error).cause instanceof FlowConfigurationError
      return { verdict: this.#remote !== undefined ? 'unavailable' : verdictOf(error as Error & { status?: number }), cause: (error as Error).cause ?? error }
    }
  }

  /** Requests a token. Must run in the process. */
  async requestToken (form: Record<string, string>, authorization: string | undefined, address = '192.0.2.1'): Promise<{ token?: string, error?: OAuth2Error }> {
    try {
      const response = await handleTokenRequest(settingsOf((this.#parts as Parts).flow), formRequest(form, authorization, address))
      return { token: response.access_token }
    } catch (error) {
      return { error: error as OAuth2Error }
    }
  }

  async revokeToken (token: string, authorization: string): Promise<void> {
    await handleRevocationRequest(settingsOf((this.#parts as Parts).flow), formRequest({ token }, authorization))
  }

  /** Answers a resource server. Must run in the process. */
  async serve (url: URL, init: RequestInit): Promise<Reply> {
    const { flow, keys } = this.#parts as Parts
    if (url.pathname.startsWith('/.well-known/')) {
      return { status: 200, body: { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, introspection_endpoint: `${ISSUER}/introspect`, token_endpoint: `${ISSUER}/token` } }
    }
    try {
      if (url.pathname === '/jwks') {
        const body = await keys.toJwks()
        this.#run.onServed?.(this, { keys: body.keys.map(({ kid }) => String(kid)) })
        return { status: 200, body, headers: { 'cache-control': `max-age=${keys.jwksMaxAge}` } }
      }
      const { authorization } = init.headers as Record<string, string>
      const form = Object.fromEntries(new URLSearchParams(String(init.body)))
      const body = await handleIntrospectionRequest(settingsOf(flow), formRequest(form, authorization)) as IntrospectionResponse
      if (body.active) this.#run.onServed?.(this, { token: String(form.token) })
      return { status: 200, body }
    } catch (error) {
      return { status: (error as { status?: number }).status ?? 503, body: {} }
    }
  }
}

function verdictOf (error: Error & { status?: number }): Verdict {
  if (error.status === 503) return 'unavailable'
  if (error.status === 401) return /revoked/.test(error.message) ? 'revoked' : 'rejected'
  return 'failed'
}

function accessRequest (token: string): PlainRequest {
  return { method: 'GET', url: '/data', header: (name) => name === 'authorization' ? `Bearer ${token}` : undefined }
}

function formRequest (form: Record<string, string>, authorization: string | undefined, address = '192.0.2.1'): TokenRequest {
  return { method: 'POST', url: '/token', form, address, header: (name) => name === 'authorization' ? authorization : undefined }
}
