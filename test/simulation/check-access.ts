// What a process may accept, and what it must accept: decided by what was written and read, in the simulation's own time.
import { checkHop } from './check-hop.ts'
import type { IssuedToken } from './ledger.ts'
import type { FeedObservations } from './observations.ts'
import type { RunContext } from './run-context.ts'
import type { SimulatedProcess, Verdict } from './simulated-process.ts'
import { EPOCH } from './world.ts'

export interface Decision { readonly presentedAt: number, readonly verdict: Verdict, readonly cause: unknown }

// Milliseconds. Ages are compared with parts of a millisecond left out.
const ROUNDING = 2
const FRESH = 1000
const RETRY_AFTER = 500

export function checkAccess (run: RunContext, process: SimulatedProcess, token: IssuedToken, decision: Decision): void {
  if (process.isMisconfigured && decision.verdict !== 'accepted') return run.world.report.count('settings that differ')
  // The settings may have become what it was started with.
  if (decision.verdict === 'accepted') process.isMisconfigured = false
  const reason = process.isGuarding ? revocationOf(run, process, token) : undefined
  if (decision.verdict === 'accepted') {
    if (process.rejected.has(token.number)) run.violation('again', `${process.name} accepts token ${token.number}, which it had rejected as revoked`)
    if (reason !== undefined) run.violation('R', `${process.name} accepts token ${token.number}, which is revoked by ${reason}`)
    if (process.isGuarding) checkAges(run, process, token)
    else checkHop(run, process, token)
    return
  }
  if (decision.verdict === 'failed') run.violation('error', `${process.name} fails on token ${token.number}: ${(decision.cause as Error).stack ?? String(decision.cause)}`)
  if (decision.verdict === 'revoked' && reason !== undefined) process.rejected.add(token.number)
  if (process.isGuarding && mustAccept(run, process, token, decision)) {
    run.violation('L', `${process.name} answers ${decision.verdict} to token ${token.number}, which is valid: ${String(decision.cause)}`)
  }
}

/** What a server tells a resource server elsewhere must be what it would accept itself. */
export function checkServed (run: RunContext, server: SimulatedProcess, { token, keys = [] }: { token?: string, keys?: readonly string[] }): void {
  const issued = run.ledger.tokens.find((one) => one.token === token)
  const { held } = server.observations
  if (issued !== undefined) checkAccess(run, server, issued, { presentedAt: -Infinity, verdict: 'accepted', cause: undefined })
  for (const kid of keys) if (held.hasKeyEntry(kid)) run.violation('R', `${server.name} publishes the key ${kid}, which it has read as revoked`)
}

/** By what a token is revoked that the process was told, or has read completely since. */
export function revocationOf ({ ledger }: RunContext, { observations }: SimulatedProcess, token: IssuedToken): string | undefined {
  const { held, entries, revocations, keys } = observations
  const { last } = entries
  const known = Math.max(held.generation(token.clientId), last?.replica.truth.generation(token.clientId, last.begunAt) ?? 0)
  const raise = ledger.raiseOf(token, known)
  if (raise !== undefined) return `a change of ${raise.clientId ?? 'all clients'} at ${raise.at.toFixed(0)}${raise.isDisabled ? ' that disables it' : ''}`
  const lastRevocations = revocations.last
  if (held.hasTokenRevocation(token.id) || lastRevocations?.replica.truth.hasTokenRevocation(token.id, lastRevocations.begunAt) === true) return 'its id'
  const cutOff = Math.max(held.cutOff(token.clientId), lastRevocations?.replica.truth.cutOff(token.clientId, lastRevocations.begunAt) ?? 0)
  // Clocks may differ: a token that was issued before is revoked, whatever its iat.
  const isCutOff = ledger.cutOffs.some(({ at, clientId, issuedBefore, isBehind }) =>
    clientId === token.clientId && issuedBefore <= cutOff && token.issuedAt <= at && !isBehind && !token.isDoubtful)
  if (isCutOff || cutOff > token.iat) return `a cut-off at ${cutOff - EPOCH / 1000} s`
  if (token.kid === undefined) return undefined
  if (held.hasKeyEntry(token.kid) || last?.replica.truth.hasEntry('key', token.kid, last.begunAt) === true) return 'its key'
  const lastKeys = keys.last
  return lastKeys?.replica.truth.hasEntry('key', token.kid, lastKeys.begunAt) === true ? 'the removal of its key' : undefined
}

/** R and A: what was read may be a second old; older only while attempts to read fail, and not beyond maxStale. */
export function checkAges (run: RunContext, { name, host, observations }: SimulatedProcess, token: IssuedToken): void {
  const { config, world } = run
  const feeds: Array<[string, FeedObservations]> = [['entries', observations.entries]]
  if (config.tokens === 'jwt') feeds.push(['signing keys', observations.keys])
  feeds.push(['revocations', observations.revocations])
  for (const [feed, reads] of feeds) {
    const age = world.now - (reads.last?.begunAt ?? -Infinity)
    if (age <= FRESH + ROUNDING) continue
    if (age > Math.max(FRESH, config.maxStale * 1000) + ROUNDING) run.violation('A', `${name} accepts token ${token.number} by ${feed} that are ${age.toFixed(0)} ms old`)
    else if (world.now - reads.lastFailure() > RETRY_AFTER + ROUNDING) {
      run.violation('R', `${name} accepts token ${token.number} by ${feed} that are ${age.toFixed(0)} ms old, and no attempt to read them has just failed`)
    }
  }
  if (token.exp + config.clockTolerance < host.seconds()) run.violation('expired', `${name} accepts token ${token.number}, which has expired`)
}

/** Whether nothing that has happened could be a reason to reject the token. */
export function mustAccept (run: RunContext, process: SimulatedProcess, token: IssuedToken, { presentedAt }: Pick<Decision, 'presentedAt'>): boolean {
  const { ledger, config, main, second, world } = run
  const { clientId, kid, id } = token
  if (presentedAt < process.disturbedUntil || token.isDoubtful || process.isSkewed) return false
  if (token.exp <= process.host.seconds() + 1 || token.iat > process.host.seconds() + config.clockTolerance) return false
  // It was issued in an outage, by what was read before.
  if (token.knownGeneration < token.generationThen) return false
  // H: who was told of a raise goes on to reject by it though the database has lost it (or an old primary has taken it), and
  // whoever issued the token meanwhile could not know. It becomes invalid everywhere once the raise is written back, which
  // begins with the next read of a process that holds it, however long the silence before.
  if (process.observations.held.generation(clientId) > token.generationThen) return false
  if (ledger.lastRaise(clientId) > token.requestedAt - 1000 || (token.isLegacy && ledger.lastRaise(clientId) > -Infinity)) return false
  if (ledger.revokedTokens.has(id)) return false
  if (ledger.cutOffs.some((one) => one.clientId === clientId && one.at > token.issuedAt - 2000 * (config.clockTolerance + 1))) return false
  // It was written by a clock that is wrong by more than is tolerated.
  if (ledger.cutOffs.some((one) => one.clientId === clientId && one.isAhead && one.issuedBefore + config.clockTolerance > token.iat)) return false
  const { truth } = main.replicaOf(process)
  if (config.hasRegistry && truth.row(clientId, world.now)?.isDisabled !== false) return false
  if (kid === undefined) return (truth.tokens.get(id)?.expiresAt ?? 0) > main.replicaOf(process).wall() / 1000 + 1
  // A key that is not there any more must have been revoked, or lost: it is dropped once its last token has expired, by the
  // clocks of a process and of the store. One of both may be wrong.
  const mayBeGone = main.losses.length > 0 || main.steppedAt > -Infinity
  if (ledger.revokedKeys.has(kid) || (!truth.hasKey(kid, world.now) && mayBeGone)) return false
  return second.replicaOf(process) !== undefined
}
