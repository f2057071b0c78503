// Tokens are requested and presented all the time, and every answer is recorded.
import { randomOf } from './clients.ts'
import type { LoadClient, LoadClients, Secret } from './clients.ts'
import { presentToken, requestToken } from './http.ts'
import type { Answer } from './http.ts'
import type { Ledger, Token, TokenKind } from './ledger.ts'
import type { Records } from './records.ts'
import type { ServerProcess } from './server-process.ts'
import { delay } from './time.ts'
import type { World } from './world.ts'

/** How a server verifies a token. */
export type Verifier = 'server' | 'introspection' | 'jwks'

// Milliseconds between two requests.
const ISSUE_EVERY = 25
const USE_EVERY = 12
const USE_REVOKED_EVERY = 30
// How many of the tokens that were issued last are used.
const RECENT = 300
const OPAQUE_PART = 0.3

export class Load {
  readonly world: World
  readonly clients: LoadClients
  readonly ledger: Ledger
  readonly records: Records
  /** Servers that get no requests. */
  readonly quiet = new Set<ServerProcess>()
  /** Tokens that were revoked, and rejected since. */
  readonly revoked: Token[] = []
  #isRunning = false
  #loops: Array<Promise<void>> = []

  constructor (parts: Pick<Load, 'world' | 'clients' | 'ledger' | 'records'>) {
    this.world = parts.world
    this.clients = parts.clients
    this.ledger = parts.ledger
    this.records = parts.records
  }

  start (): void {
    this.#isRunning = true
    this.#loops = [
      this.#loop(ISSUE_EVERY, async () => { await this.#issue() }),
      this.#loop(ISSUE_EVERY, async () => { await this.#issue() }),
      this.#loop(USE_EVERY, async () => { await this.#use(randomOf(this.ledger.tokens.slice(-RECENT))) }),
      this.#loop(USE_EVERY, async () => { await this.#use(randomOf(this.ledger.tokens.slice(-RECENT))) }),
      this.#loop(USE_REVOKED_EVERY, async () => { await this.#use(randomOf(this.revoked)) })
    ]
  }

  async stop (): Promise<void> {
    this.#isRunning = false
    await Promise.all(this.#loops)
  }

  /** A server that runs and gets requests. */
  pickServer (): ServerProcess | undefined {
    return randomOf(this.activeServers())
  }

  activeServers (): ServerProcess[] {
    return this.world.servers.filter((server) => server.isRunning && !this.quiet.has(server))
  }

  /** Requests a token. */
  async issue (kind: TokenKind, client: LoadClient, server = this.pickServer(), secret: Secret | undefined = client.secrets.at(-1)): Promise<Token | undefined> {
    if (server === undefined || secret === undefined) return undefined
    const answer = await requestToken(portOf(server, kind), client.id, secret.secret)
    this.records.requested({ client, secret, server, answer })
    return answer.token === undefined ? undefined : this.ledger.issued(kind, answer.token, client.id, answer)
  }

  /** Presents a token. */
  async present (token: Token, server: ServerProcess, by: Verifier = 'server'): Promise<Answer> {
    const port = by === 'server' ? portOf(server, token.kind) : server.plan.ports[by === 'introspection' ? 0 : 1]
    const answer = await presentToken(port, token.token)
    this.records.presented({ token, server, by, answer })
    return answer
  }

  async #issue (): Promise<void> {
    await this.issue(Math.random() < OPAQUE_PART ? 'opaque' : 'jwt', this.clients.pick())
  }

  async #use (token: Token | undefined): Promise<void> {
    if (token === undefined) return
    const { resourceServer } = this.world
    const places: Array<[ServerProcess, Verifier]> = this.activeServers().map((server) => [server, 'server'])
    if (token.kind === 'jwt') places.push([resourceServer, 'introspection'], [resourceServer, 'jwks'])
    const place = randomOf(places)
    if (place !== undefined) await this.present(token, ...place)
  }

  async #loop (pause: number, step: () => Promise<void>): Promise<void> {
    while (this.#isRunning) {
      await step()
      await delay(pause)
    }
  }
}

function portOf ({ plan }: ServerProcess, kind: TokenKind): number {
  return plan.ports[kind === 'jwt' ? 0 : 1]
}
