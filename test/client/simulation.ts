import { oauthClient, OAuthClientError } from '../../src/client/index.ts'
import { Random } from '../simulation/random.ts'
import { VirtualTime } from './virtual-time.ts'

const [ISSUER, API, OTHER, FOREIGN] = ['https://auth.example', 'https://api.example', 'https://other.example', 'https://evil.example']
const MINUTES = 4
const SCOPES = ['', 'a', 'b', 'a b']

/** What happened in a simulation. */
export interface Outcome {
  /** Rules that were broken, none if all is well. */
  readonly problems: string[]
  readonly calls: number
  readonly succeeded: number
  readonly tokenRequests: number
}

/**
 * Runs callers against an authorization server and APIs whose latencies, failures, clocks, redirects and revocations are random,
 * while secrets are rotated and callers abort.
 */
export async function simulate (seed: number): Promise<Outcome> {
  const world = new World(seed)
  return await world.run()
}

class World {
  readonly #time = new VirtualTime()
  readonly #random: () => number
  readonly #problems: string[] = []
  readonly #tokens = new Map<string, { scope: string, expiresAt: number, isRevoked: boolean }>()
  readonly #inFlight = new Map<string, number>()
  readonly #notBefore = new Map<string, number>()
  readonly #lifetime: number
  readonly #latency: number
  readonly #failureRate: number
  readonly #apiAhead: number
  readonly #serverAhead: number
  #secret = 'secret-0'
  #outageUntil = 0
  #calls = 0
  #succeeded = 0
  #tokenRequests = 0

  constructor (seed: number) {
    const source = new Random(seed)
    const random = this.#random = () => source.unit()
    this.#lifetime = [5, 30, 120, 600, 3600][Math.floor(random() * 5)]! * 1000
    this.#latency = 10 ** (random() * 3)
    this.#failureRate = random() < 0.3 ? 0 : random() * 0.3
    this.#serverAhead = (random() - 0.5) * 120_000
    // A tenth of the lifetime, and at most a minute, is what clocks may differ by.
    this.#apiAhead = random() * Math.min(60_000, this.#lifetime / 10)
  }

  async run (): Promise<Outcome> {
    const time = this.#time.start()
    const unhandled = (error: unknown) => { this.#problems.push(`unhandled rejection: ${String(error)}`) }
    process.on('unhandledRejection', unhandled)
    const realRandom = Math.random
    Math.random = this.#random
    try {
      const callers = Array.from({ length: 1 + Math.floor(this.#random() * 6) }, () => this.#call(this.#clients()))
      const all = Promise.all([...callers, this.#disturb()])
      let isDone = false
      all.then(() => { isDone = true }, (error: unknown) => { this.#problems.push(`a caller ended: ${String(error)}`) })
      const end = time.time + MINUTES * 60_000
      await time.run(end)
      this.#isOver = true
      await time.run(end + 300_000)
      if (!isDone) this.#problems.push('a call never settled')
    } finally {
      time.end()
      Math.random = realRandom
      process.off('unhandledRejection', unhandled)
    }
    return { problems: [...new Set(this.#problems)], calls: this.#calls, succeeded: this.#succeeded, tokenRequests: this.#tokenRequests }
  }

  #isOver = false
  #shared: ReturnType<typeof oauthClient> | undefined

  #clients (): ReturnType<typeof oauthClient> {
    this.#shared ??= oauthClient({
      issuer: ISSUER!,
      clientId: 'billing',
      clientSecret: async () => this.#secret,
      allowedOrigins: [API!, OTHER!],
      timeout: 5,
      fetch: ((url: string, init: RequestInit) => this.#fetch(new URL(url), init)) as never
    })
    return this.#shared
  }

  async #call (client: ReturnType<typeof oauthClient>): Promise<void> {
    while (!this.#isOver) {
      await this.#time.pause(this.#random() < 0.5 ? 0 : this.#random() * 30_000)
      const scope = SCOPES[Math.floor(this.#random() * SCOPES.length)]!
      const abort = new AbortController()
      if (this.#random() < 0.1) setTimeout(() => { abort.abort(new Error('aborted')) }, this.#random() * 2000)
      this.#calls++
      try {
        const target = scope === '' ? client : client.with({ scope })
        const body = ['GET', 'POST'][Math.floor(this.#random() * 2)] === 'POST' ? 'body' : null
        const response = await target.fetch(`${this.#random() < 0.8 ? API : OTHER}/data?scope=${encodeURIComponent(scope)}`, { method: body === null ? 'GET' : 'POST', body, signal: abort.signal })
        await response.text()
        this.#succeeded++
      } catch (error) {
        this.#checkError(error)
      }
    }
  }

  #checkError (error: unknown): void {
    if (error instanceof OAuthClientError) {
      if (error.code === 'OAUTH_CLIENT_TOKEN_DENIED') this.#problems.push(`a rotation failed a call: ${error.error}`)
      else if (error.code !== 'OAUTH_CLIENT_SERVER_UNAVAILABLE' && error.code !== 'OAUTH_CLIENT_INVALID_RESPONSE' && error.code !== 'OAUTH_CLIENT_DISCOVERY_FAILED') this.#problems.push(`unexpected ${error.code}`)
    } else if (!(error instanceof Error) || !['aborted', 'network'].includes(error.message)) this.#problems.push(`unexpected ${String(error)}`)
  }

  // Clocks that are set, machines that sleep, secrets that are rotated, tokens that are revoked, outages.
  async #disturb (): Promise<void> {
    let count = 0
    while (!this.#isOver) {
      await this.#time.pause(this.#random() * 120_000)
      const kind = this.#random()
      if (kind < 0.2) this.#time.wallOffset += (this.#random() - 0.5) * 200_000
      else if (kind < 0.3) this.#time.suspended += this.#random() * 1000
      else if (kind < 0.5) this.#secret = `secret-${++count}`
      else if (kind < 0.7) for (const token of this.#tokens.values()) token.isRevoked = true
      else if (kind < 0.8) this.#outageUntil = this.#time.time + this.#random() * 60_000
    }
  }

  async #fetch (url: URL, { headers, body, signal, redirect }: RequestInit): Promise<Response> {
    const authorization = new Headers(headers).get('authorization')
    if (redirect !== 'manual') this.#problems.push('a redirect would be followed by the platform')
    if (url.origin === ISSUER) return await this.#authorizationServer(url, authorization, String(body ?? ''), signal)
    if (url.origin === FOREIGN && (authorization !== null || new Headers(headers).has('dpop'))) this.#problems.push('a token went to a foreign origin')
    return await this.#api(url, authorization, signal)
  }

  async #travel (signal: AbortSignal | null | undefined): Promise<void> {
    const isLost = this.#random() < this.#failureRate / 2
    const isHanging = this.#random() < this.#failureRate / 10
    const delay = isHanging ? 60_000 : this.#latency * (0.5 + this.#random() * (this.#random() < 0.05 ? 50 : 1))
    await new Promise<void>((resolve, reject) => {
      const abort = () => { reject(signal?.reason) }
      if (signal?.aborted) abort()
      signal?.addEventListener('abort', abort)
      setTimeout(() => {
        signal?.removeEventListener('abort', abort)
        if (isLost) reject(new Error('network'))
        else resolve()
      }, delay)
    })
  }

  async #authorizationServer (url: URL, authorization: string | null, body: string, signal: AbortSignal | null | undefined): Promise<Response> {
    const headers = { 'content-type': 'application/json', date: new Date(this.#time.time + this.#serverAhead).toUTCString() }
    const answer = (content: unknown, status = 200, more: Record<string, string> = {}) => new Response(JSON.stringify(content), { status, headers: { ...headers, ...more } })
    if (url.pathname !== '/token') {
      await this.#travel(signal)
      return answer({ issuer: ISSUER, token_endpoint: `${ISSUER}/token` })
    }
    const scope = new URLSearchParams(body).get('scope') ?? ''
    this.#tokenRequests++
    const inFlight = (this.#inFlight.get(scope) ?? 0) + 1
    this.#inFlight.set(scope, inFlight)
    if (inFlight > 1) this.#problems.push('two token requests of one key are in flight')
    if (this.#time.time < (this.#notBefore.get(scope) ?? 0)) this.#problems.push('Retry-After was ignored')
    try {
      await this.#travel(signal)
      const failure = this.#random()
      if (this.#time.time < this.#outageUntil || failure < this.#failureRate) {
        const seconds = Math.ceil(this.#random() * 10)
        await this.#travel(signal)
        this.#notBefore.set(scope, this.#time.time + seconds * 1000 - 1)
        return answer({}, failure < this.#failureRate / 2 ? 429 : 503, { 'retry-after': String(seconds) })
      }
      if (failure < this.#failureRate * 1.2) return answer(['no token response'])
      if (authorization !== `Basic ${btoa(`billing:${this.#secret.replace('-', '%2D')}`)}`) {
        await this.#travel(signal)
        return answer({ error: 'invalid_client' }, 401)
      }
      const token = `token-${this.#tokens.size}`
      this.#tokens.set(token, { scope, expiresAt: this.#time.time + this.#lifetime, isRevoked: false })
      await this.#travel(signal)
      return answer({ access_token: token, token_type: 'Bearer', expires_in: this.#lifetime / 1000 })
    } finally {
      this.#inFlight.set(scope, this.#inFlight.get(scope)! - 1)
    }
  }

  async #api (url: URL, authorization: string | null, signal: AbortSignal | null | undefined): Promise<Response> {
    const token = this.#tokens.get(authorization?.replace('Bearer ', '') ?? '')
    if (authorization !== null) {
      if (token === undefined) this.#problems.push('an unknown token was sent')
      else if (this.#time.time + this.#apiAhead >= token.expiresAt) this.#problems.push('an expired token was sent')
      if (token !== undefined && token.scope !== (url.searchParams.get('scope') ?? '')) this.#problems.push('the token of another key was sent')
    }
    await this.#travel(signal)
    if (authorization === null) return new Response('no token', { status: 401 })
    if (token?.isRevoked) return new Response(null, { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
    const kind = this.#random()
    const location = kind < 0.05 ? `${FOREIGN}/x${url.search}` : kind < 0.1 ? `/y${url.search}` : kind < 0.12 ? `${url.origin === API ? OTHER : API}/z${url.search}` : undefined
    if (location !== undefined) return new Response(null, { status: [301, 303, 307][Math.floor(this.#random() * 3)]!, headers: { location } })
    return new Response('data', { status: kind < 0.2 ? 500 : 200 })
  }
}
