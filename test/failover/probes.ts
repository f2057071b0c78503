// Presents what was revoked to every server, until each rejects it: how long that takes.
import { requestToken } from './http.ts'
import type { Revocation } from './ledger.ts'
import type { Load, Verifier } from './load.ts'
import type { ServerProcess } from './server-process.ts'
import { delay } from './time.ts'

/** How long it took until a server rejected what was revoked. */
export interface Rejection {
  readonly revocation: Revocation
  readonly by: Verifier
  /** Milliseconds from the acknowledgement to the first request that was rejected; the last server counts. */
  readonly after: number
  readonly isInOutage: boolean
}

const PAUSE = 60
// Milliseconds. What takes longer is told by the acceptances.
const GIVE_UP = 12_000

export class Probes {
  readonly rejections: Rejection[] = []
  readonly #load: Load
  readonly #running = new Set<Promise<void>>()
  #isEnding = false

  constructor (load: Load) {
    this.#load = load
  }

  add (revocation: Revocation): void {
    const { sample } = revocation
    if (sample === undefined) return
    const running = this.#probe(revocation, sample).finally(() => { this.#running.delete(running) })
    this.#running.add(running)
  }

  /** Waits until everything that was revoked is rejected, but for what was lost. */
  async end (): Promise<void> {
    this.#isEnding = true
    await Promise.all(this.#running)
  }

  async #probe (revocation: Revocation, sample: NonNullable<Revocation['sample']>): Promise<void> {
    const servers = this.#load.activeServers()
    const times = await Promise.all(servers.map(async (server) => await this.#until(revocation, server, async () => await this.#try(sample, server))))
    this.#note(revocation, 'server', times)
    if ('kind' in sample) this.#load.revoked.push(sample)
    if (revocation.kind !== 'key' || !('kind' in sample)) return
    const { resourceServer } = this.#load.world
    this.#note(revocation, 'jwks', [await this.#until(revocation, resourceServer, async () => (await this.#load.present(sample, resourceServer, 'jwks')))])
  }

  async #try (sample: NonNullable<Revocation['sample']>, server: ServerProcess): Promise<{ status: number, sentAt: number }> {
    if ('kind' in sample) return await this.#load.present(sample, server)
    const answer = await requestToken(server.plan.ports[0], sample.clientId, sample.secret)
    this.#load.records.requested({ client: { id: sample.clientId }, secret: { id: sample.secretId }, server, answer })
    return answer
  }

  // Undefined if nobody rejected it, or the server was not reached.
  async #until (revocation: Revocation, server: ServerProcess, attempt: () => Promise<{ status: number, sentAt: number }>): Promise<number | undefined> {
    for (;;) {
      const { acknowledgedAt, endedAt, lostAt } = revocation
      if (!server.isRunning || this.#load.quiet.has(server) || (this.#isEnding && lostAt !== undefined)) return undefined
      const { status, sentAt } = await attempt()
      if (status === 401) return Math.max(0, sentAt - acknowledgedAt)
      if (sentAt > acknowledgedAt + GIVE_UP || sentAt > endedAt) return undefined
      await delay(PAUSE)
    }
  }

  #note (revocation: Revocation, by: Verifier, times: ReadonlyArray<number | undefined>): void {
    const after = times.filter((time) => time !== undefined)
    if (after.length < times.length || after.length === 0) return
    const { acknowledgedAt } = revocation
    const last = Math.max(...after)
    const isInOutage = revocation.lostAt !== undefined || this.#load.records.isInOutage({ sentAt: acknowledgedAt, receivedAt: acknowledgedAt + last })
    this.rejections.push({ revocation, by, after: last, isInOutage })
  }
}
