// Who may get a token, and who must.
import type { OAuth2Error } from '../../src/index.ts'
import type { IssuedToken } from './ledger.ts'
import type { Replica } from './replica.ts'
import type { RunContext } from './run-context.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Row } from './truth.ts'
import { EPOCH } from './world.ts'

export interface ClientRequest { readonly clientId: string, readonly secretId: string, readonly requestedAt: number }

// Milliseconds that a client may have been read before it gets a token, and the same with parts of a millisecond left out.
const CONFIRMED = 1000
const ROUNDING = 2

/** A token was issued: its client must have been able to get one a second before, by what the process could read. */
export function checkIssued (run: RunContext, server: SimulatedProcess, token: IssuedToken, { clientId, secretId, requestedAt }: ClientRequest): void {
  if (!run.config.hasRegistry || isLost(run, clientId, secretId)) return
  const { world } = run
  const { held, savedTokenAt } = server.observations
  // An opaque token is written behind the last look at the client.
  const decidedAt = token.kid === undefined ? Math.min(savedTokenAt, world.now) : world.now
  const from = decidedAt - CONFIRMED - ROUNDING
  const isMet = (since: number, condition: (row: NonNullable<Row>) => boolean): boolean =>
    replicasOf(run, server, since).some(({ truth }) => truth.wasEver(clientId, since, decidedAt, condition))
  // A request that was under way when its client was disabled may get a token, which does not work.
  if (!isMet(requestedAt - CONFIRMED - ROUNDING, ({ isDisabled }) => !isDisabled)) {
    run.violation('R', `${server.name} issues token ${token.number} to ${clientId}, which was disabled or removed for more than a second`)
  } else if (!isMet(from, ({ secretIds }) => secretIds.includes(secretId))) {
    run.violation('R', `${server.name} issues token ${token.number} to ${clientId} by a secret that was revoked for more than a second`)
  }
  if (held.hadSecretEntry(clientId, secretId, decidedAt)) run.violation('R', `${server.name} issues token ${token.number} by a secret that it has read as revoked`)
  const entry = held.clients.get(clientId)
  const isOver = entry !== undefined && entry.expiresAt < (EPOCH + world.now) / 1000
  if (entry?.isDisabled === true && !isOver && entry.at < requestedAt && !isMet(from, ({ generation }) => generation > entry.generation)) {
    run.violation('R', `${server.name} issues token ${token.number} to ${clientId}, which it has read as disabled`)
  }
}

/** A token request was rejected: that must have had a reason. */
export function checkRejectedRequest (run: RunContext, server: SimulatedProcess, { clientId, secretId, requestedAt }: ClientRequest, error: OAuth2Error): void {
  if (server.isMisconfigured || !run.config.hasRegistry) return
  if (error.status === 500) run.violation('error', `${server.name} fails on a token request: ${String(error.cause)}`)
  if (requestedAt < server.disturbedUntil || run.ledger.secrets.get(clientId)?.[0]?.id !== secretId) return
  // Slow hashes wait for each other.
  if (clientId === 'c0' && run.config.hasSlowSecret && error.status === 503) return
  // That the row has not been written back yet is found at the end.
  if (server.observations.held.hadSecretEntry(clientId, secretId, Infinity)) return
  const { truth } = run.main.replicaOf(server)
  const row = truth.row(clientId, run.world.now)
  if (row === undefined || row.isDisabled || !row.secretIds.includes(secretId)) return
  if (Math.max(truth.rowChangedAt(clientId), run.ledger.lastRaise(clientId)) > requestedAt - CONFIRMED - 500) return
  run.violation('L', `${server.name} answers ${error.code} to ${clientId}, which may have a token: ${String(error.cause)}`)
}

// A secret that was added, and lost with its history, was not revoked: who has read it goes on with it until the row is read
// again. The loss of what has no entry is noticed by who reads the feed of changes behind it.
function isLost ({ main }: RunContext, clientId: string, secretId: string): boolean {
  return main.losses.length > 0 && !(main.primary.truth.rows.get(clientId) ?? []).some(({ value }) => value?.secretIds.includes(secretId) === true)
}

// The copies that the process may have read from since a time.
function replicasOf ({ main }: RunContext, server: SimulatedProcess, from: number): Replica[] {
  const before = main.losses.filter(({ at }) => at >= from).map((loss) => loss.before)
  return [main.replicaOf(server), main.primary, ...before, ...(server.misroutedUntil >= from ? main.losses.map((loss) => loss.before) : [])]
}
