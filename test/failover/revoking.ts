// Tokens, clients, secrets and keys are revoked all the time, each by a server or by an administrator whose process ends.
import { pickKind } from './clients.ts'
import type { LoadClient, LoadClients } from './clients.ts'
import { give, revokeToken } from './http.ts'
import type { Ledger, Revocation, RevocationKind, Token, TokenKind } from './ledger.ts'
import type { Load } from './load.ts'
import type { Order, Outcome } from './messages.ts'
import type { Probes } from './probes.ts'
import { PROMISED } from './settings.ts'
import { delay, now } from './time.ts'

interface Change { readonly sentAt: number, readonly receivedAt: number, readonly by: string, readonly outcome: Outcome | undefined }

// Milliseconds between two revocations of one loop.
const PAUSE = 250
const LOOPS = 2
const ADMINISTRATOR_PART = 0.15
// How long a client stays disabled or removed.
const DENIED_FOR = 1500

export class Revoking {
  /** Whether the standby gets nothing any more. */
  isCut = false
  readonly #load: Load
  readonly #clients: LoadClients
  readonly #ledger: Ledger
  readonly #probes: Probes
  #isRunning = false
  #loops: Array<Promise<void>> = []
  readonly #pending = new Set<Promise<void>>()

  constructor (load: Load, probes: Probes) {
    this.#load = load
    this.#clients = load.clients
    this.#ledger = load.ledger
    this.#probes = probes
  }

  start (): void {
    this.#isRunning = true
    this.#loops = Array.from({ length: LOOPS }, async () => {
      while (this.#isRunning) {
        await this.revoke(pickKind())
        await delay(PAUSE)
      }
    })
  }

  async stop (): Promise<void> {
    this.#isRunning = false
    await Promise.all(this.#loops)
    await Promise.all(this.#pending)
  }

  /** Makes one revocation. @param isByAdministrator default for some */
  async revoke (kind: RevocationKind, isByAdministrator = Math.random() < ADMINISTRATOR_PART): Promise<void> {
    if (kind === 'token' || kind === 'opaque token') await this.#revokeNewToken(kind === 'token' ? 'jwt' : 'opaque')
    else if (kind === 'key') await this.#revokeKey(isByAdministrator)
    else if (kind === 'all tokens') await this.#revokeAll(isByAdministrator)
    else if (kind === 'secret') await this.#revokeSecret(isByAdministrator)
    else await this.#changeClient(kind, isByAdministrator)
  }

  /** Revokes a token of a steady client. */
  async revokeToken (token: Token): Promise<void> {
    const client = this.#clients.steadyOf(token.clientId)
    const secret = client?.secrets.at(-1)
    const server = this.#load.pickServer()
    if (client === undefined || secret === undefined || server === undefined) return
    const isSigned = token.kind === 'jwt'
    this.#ledger.disturb(`token ${token.id}`, now())
    const answer = await revokeToken(server.plan.ports[isSigned ? 0 : 1], client.id, secret.secret, token.token)
    // For a token that another change has made invalid, 200 says that there was nothing to do (RFC 7009 §2.2).
    if (answer.status !== 200 || !this.#ledger.isUndisturbed({ ...token, id: '' }, answer.receivedAt)) return
    const what = isSigned ? { kind: 'token', feed: 'revocations' } as const : { kind: 'opaque token', feed: 'opaque' } as const
    this.#revoked({ ...what, id: token.id, clientId: client.id, sample: token }, { ...answer, by: server.name, outcome: undefined })
  }

  /** Begins a revocation. */
  begin (kind: RevocationKind, isByAdministrator: boolean): void {
    const working = this.revoke(kind, isByAdministrator).finally(() => { this.#pending.delete(working) })
    this.#pending.add(working)
  }

  /** Puts the clients in order that were changed after the standby had got its last data. */
  async reset (): Promise<void> {
    await Promise.all(this.#pending)
    for (const client of this.#clients.changing.filter(({ isTouched }) => isTouched)) {
      client.isBusy = true
      const disturbance = this.#ledger.disturb(`client ${client.id}`, now())
      const { outcome, sentAt } = await this.#change({ order: 'reset', id: client.id })
      this.#end(client, sentAt)
      if (outcome?.isDone !== true) throw new Error(`The client ${client.id} could not be put in order`)
      client.secrets = [{ id: outcome.secretId!, secret: outcome.secret! }]
      client.isEnabled = true
      client.isTouched = false
      client.isBusy = false
      disturbance.until = now() + PROMISED
    }
  }

  async #revokeNewToken (kind: TokenKind): Promise<void> {
    const token = await this.#load.issue(kind, this.#clients.pickSteady())
    if (token === undefined) return
    await this.#acquaint(token)
    await this.revokeToken(token)
  }

  async #revokeKey (isByAdministrator: boolean): Promise<void> {
    const token = await this.#newToken(this.#clients.pickSteady())
    if (token?.kid === undefined) return
    this.#ledger.disturb(`key ${token.kid}`, now())
    const change = await this.#change({ order: 'revoke key', id: token.kid }, isByAdministrator)
    this.#revoked({ kind: 'key', feed: 'entries', id: `key ${token.kid}`, clientId: token.clientId, sample: token }, change)
  }

  async #revokeAll (isByAdministrator: boolean): Promise<void> {
    const token = await this.#newToken(this.#clients.pickSteady())
    const disturbance = this.#ledger.disturb('all', now())
    const change = await this.#change({ order: 'revoke all' }, isByAdministrator)
    disturbance.until = now() + PROMISED
    this.#revoked({ kind: 'all tokens', feed: 'entries', id: 'all ', clientId: '', sample: token }, change)
  }

  async #revokeSecret (isByAdministrator: boolean): Promise<void> {
    await this.#withClient(async (client) => {
      const old = client.secrets[0]!
      const added = await this.#change({ order: 'rotate secret', id: client.id })
      if (added.outcome?.isDone !== true) return
      const secret = { id: added.outcome.secretId!, secret: added.outcome.secret! }
      await this.#load.issue('jwt', client, undefined, old)
      client.secrets = [secret]
      const change = await this.#change({ order: 'revoke secret', id: client.id, secretId: old.id }, isByAdministrator)
      this.#revoked({ kind: 'secret', feed: 'entries', id: `secret ${client.id} ${old.id}`, clientId: client.id, sample: { clientId: client.id, secretId: old.id, secret: old.secret } }, change)
    })
  }

  async #changeClient (kind: 'tokens of a client' | 'client disabled' | 'client removed', isByAdministrator: boolean): Promise<void> {
    await this.#withClient(async (client) => {
      const token = await this.#newToken(client)
      const order = ({ 'tokens of a client': 'revoke tokens', 'client disabled': 'disable', 'client removed': 'remove' } as const)[kind]
      client.isEnabled = kind === 'tokens of a client'
      const change = await this.#change({ order, id: client.id }, isByAdministrator)
      const revocation = this.#revoked({ kind, feed: 'entries', id: `client ${client.id}`, clientId: client.id, sample: token }, change)
      if (kind === 'tokens of a client') return
      client.deniedBy = revocation
      await delay(DENIED_FOR)
      await this.#admit(client, kind)
    })
  }

  // Lets a client get tokens again.
  async #admit (client: LoadClient, kind: 'client disabled' | 'client removed'): Promise<void> {
    for (let attempt = 0; attempt < 40; attempt++) {
      const { outcome, sentAt } = await this.#change({ order: kind === 'client disabled' ? 'enable' : 'reset', id: client.id })
      this.#end(client, sentAt)
      if (outcome?.isDone === true) {
        if (outcome.secret !== undefined) client.secrets = [{ id: outcome.secretId!, secret: outcome.secret }]
        client.isEnabled = true
        return
      }
      // What was removed after the standby had got its last data may be there again, or not.
      if (client.isTouched) return
      await delay(PAUSE)
    }
  }

  // Tokens that were requested from then on may be valid, whether that attempt succeeds or not.
  #end (client: LoadClient, sentAt: number): void {
    const { deniedBy } = client
    if (deniedBy !== undefined) deniedBy.endedAt = Math.min(deniedBy.endedAt, sentAt)
  }

  async #withClient (work: (client: LoadClient) => Promise<void>): Promise<void> {
    const client = this.#clients.pickChanging(({ isEnabled, isTouched }) => isEnabled && !isTouched)
    if (client === undefined) return
    client.isBusy = true
    client.isTouched ||= this.isCut
    const disturbance = this.#ledger.disturb(`client ${client.id}`, now())
    const working = work(client).finally(() => {
      client.isTouched ||= this.isCut
      client.isBusy = false
      if (!client.isTouched) disturbance.until = now() + PROMISED
      this.#pending.delete(working)
    })
    this.#pending.add(working)
    await Promise.race([working, delay(PAUSE)])
  }

  async #change (order: Order, isByAdministrator = false): Promise<Change> {
    const server = this.#load.pickServer()
    if (isByAdministrator || server === undefined) {
      const sentAt = now()
      const outcome = await this.#load.world.administer(order).catch(() => undefined)
      return { sentAt, receivedAt: now(), by: 'administrator', outcome }
    }
    return { ...await give(server.plan.ports[0], order), by: server.name }
  }

  async #newToken (client: LoadClient): Promise<Token | undefined> {
    const token = await this.#load.issue('jwt', client)
    if (token !== undefined) await this.#acquaint(token)
    return token
  }

  // A token that servers have verified before is answered from their caches.
  async #acquaint (token: Token): Promise<void> {
    await Promise.all(this.#load.activeServers().map(async (server) => await this.#load.present(token, server)))
  }

  #revoked (what: Pick<Revocation, 'kind' | 'feed' | 'id' | 'clientId' | 'sample'>, { sentAt, receivedAt, by, outcome }: Change): Revocation | undefined {
    if (what.kind !== 'token' && what.kind !== 'opaque token' && outcome?.isDone !== true) return undefined
    const revocation = { ...what, generation: outcome?.generation ?? 0, sentAt, acknowledgedAt: receivedAt, by, endedAt: Infinity, lostAt: undefined }
    this.#ledger.revoked(revocation)
    this.#probes.add(revocation)
    return revocation
  }
}
