// A server that gets no requests reads nothing. What it has read before says nothing about the time since.
import type { Token } from './ledger.ts'
import type { RoundParts } from './rounds.ts'
import type { ServerProcess } from './server-process.ts'
import { delay, now } from './time.ts'

// Tokens that the server has verified before, and that are revoked while it is silent.
const SIGNED = 8
const OPAQUE = 4
// Changes of clients meanwhile: the feed of the new primary must get as far as the old one was.
const CHANGES = 12
// Milliseconds.
const LASTS = 2000

/** A silence of one server around a failover. */
export class Silence {
  readonly #parts: RoundParts
  readonly #server: ServerProcess
  readonly #tokens: readonly Token[]
  readonly #begunAt = now()

  private constructor (parts: RoundParts, server: ServerProcess, tokens: readonly Token[]) {
    this.#parts = parts
    this.#server = server
    this.#tokens = tokens
  }

  /** Begins: from now on the server gets no requests. */
  static async begin (parts: RoundParts, server: ServerProcess): Promise<Silence> {
    const { load, world, records } = parts
    const kinds = [...Array.from({ length: SIGNED }, () => 'jwt' as const), ...Array.from({ length: OPAQUE }, () => 'opaque' as const)]
    const tokens = await Promise.all(kinds.map(async (kind) => await load.issue(kind, load.clients.pickSteady())))
    const issued = tokens.filter((token) => token !== undefined)
    await Promise.all(issued.flatMap((token) => load.activeServers().map(async (one) => await load.present(token, one))))
    load.quiet.add(server)
    records.leadIssuerTo(world, ...load.activeServers())
    return new Silence(parts, server, issued)
  }

  /** Revokes a lot by the other server, and waits. */
  async last (): Promise<void> {
    const { revoking } = this.#parts
    for (let change = 0; change < CHANGES; change++) revoking.begin('tokens of a client', false)
    await Promise.all([delay(LASTS), ...this.#tokens.map(async (token) => { await revoking.revokeToken(token) })])
  }

  /** Ends: everything that was revoked since is presented at once. */
  async end (): Promise<void> {
    const { ledger, load, world, records } = this.#parts
    const samples = ledger.revocations.filter(({ acknowledgedAt }) => acknowledgedAt > this.#begunAt).map(({ sample }) => sample)
    if (this.#server.isRunning) {
      await Promise.all(samples.map(async (sample) => sample !== undefined && 'kind' in sample && await load.present(sample, this.#server)))
    }
    load.quiet.delete(this.#server)
    records.leadIssuerTo(world, ...load.activeServers())
  }
}
