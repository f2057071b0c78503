// What a process may accept. Decided by the record of acknowledgements and of reads, never by what the code under test says.
import type { Revocation, Token } from './ledger.ts'
import type { Feed } from './messages.ts'
import type { ServerProcess } from './server-process.ts'
import { AFTER_FAILURE, INTROSPECTION_AGE, JWKS_AGE, MAX_STALE, PROMISED, WRITTEN_BACK_WITHIN } from './settings.ts'

/**
 * - within: not later than promised
 * - hop: later, by the cache of a resource server elsewhere
 * - outage: later, while attempts to read fail
 * - written back: lost, and not yet written back by the process that holds it
 * - lost: lost, and no living process had acknowledged or read it
 * - violation: none of these
 */
export type Verdict = 'within' | 'hop' | 'outage' | 'written back' | 'lost' | 'violation'

/** A revoked token or secret that was accepted. */
export interface Acceptance {
  readonly revocation: Revocation
  readonly token: Token | undefined
  readonly server: ServerProcess
  /** How the server verifies it. */
  readonly by: 'server' | 'introspection' | 'jwks'
  readonly sentAt: number
  readonly receivedAt: number
}

interface Times { readonly sentAt: number, readonly receivedAt: number }
export interface Judgement { readonly verdict: Verdict, readonly reason: string }

// Milliseconds: a failure is reported when a timer runs, and a busy process is late.
const LATE = 100

export class Judge {
  readonly #servers: readonly ServerProcess[]
  /** When the new primary could be reached after each loss, by the time of the loss. */
  readonly recoveries = new Map<number, number>()

  /** @param servers that have the stores */
  constructor (servers: readonly ServerProcess[]) {
    this.#servers = servers
  }

  judge (acceptance: Acceptance): Judgement {
    const { revocation, server, by } = acceptance
    if (by === 'introspection') return this.#judgeIntrospection(acceptance)
    return by === 'jwks' ? this.#judgeJwks(acceptance) : this.#judgeServer(revocation, server, acceptance)
  }

  /** The servers that hold a revocation that was lost, since they have acknowledged or read it. */
  holdersOf (revocation: Revocation): ServerProcess[] {
    const { lostAt = Infinity } = revocation
    const recoveredAt = this.recoveries.get(lostAt) ?? lostAt
    return this.#servers.filter((server) => server.lifeAt(lostAt).to > recoveredAt && isHolder(revocation, server, lostAt))
  }

  #judgeServer (revocation: Revocation, server: ServerProcess, times: Times): Judgement {
    const { by, acknowledgedAt, lostAt } = revocation
    if (by === server.name && acknowledgedAt > server.lifeAt(times.sentAt).from) return violation('it has acknowledged it itself')
    if (lostAt === undefined || times.receivedAt < lostAt) return judgeReads(revocation.feed, acknowledgedAt, server, times)
    if (isHolder(revocation, server, times.sentAt)) return violation('it had read it before it was lost')
    if (times.sentAt <= acknowledgedAt + PROMISED) return { verdict: 'within', reason: '' }
    const recoveredAt = this.recoveries.get(lostAt) ?? Infinity
    if (times.sentAt < recoveredAt && hasJustFailed(revocation.feed, server, times)) return { verdict: 'outage', reason: '' }
    return this.holdersOf(revocation).length > 0 ? this.#judgeWrittenBack(revocation, server, times, recoveredAt) : { verdict: 'lost', reason: '' }
  }

  /** When a revocation that was lost was written back first. Infinity if it was not. */
  writtenBackAt ({ feed, id, lostAt = Infinity }: Revocation): number {
    const writeBacks = this.#servers.flatMap((server) => server.writeBacks)
    return Math.min(Infinity, ...writeBacks.filter((one) => one.feed === feed && one.at > lostAt && one.ids.includes(id)).map(({ at }) => at))
  }

  #judgeWrittenBack (revocation: Revocation, server: ServerProcess, times: Times, recoveredAt: number): Judgement {
    const writtenAt = this.writtenBackAt(revocation)
    if (times.sentAt > writtenAt) {
      const judgement = judgeReads(revocation.feed, writtenAt, server, times)
      return judgement.verdict === 'within' ? { verdict: 'written back', reason: '' } : judgement
    }
    if (times.sentAt <= recoveredAt + WRITTEN_BACK_WITHIN) return { verdict: 'written back', reason: '' }
    return violation(writtenAt === Infinity ? 'it was not written back' : `it was written back ${(writtenAt - recoveredAt).toFixed(0)} ms after the failover`)
  }

  // By the last answer of the issuer that the token is active: the issuer was right to say so, and it is not too old.
  #judgeIntrospection ({ revocation, token, server, sentAt, receivedAt }: Acceptance): Judgement {
    const question = server.questions.findLast((one) => one.about === 'introspection' && one.token === token?.token && one.isActive && one.receivedAt <= receivedAt)
    if (question === undefined) return violation('the issuer was not asked')
    if (sentAt > question.sentAt + INTROSPECTION_AGE) return violation(`the issuer was asked ${(sentAt - question.sentAt).toFixed(0)} ms before`)
    return this.#judgeHop(revocation, question)
  }

  // By the JWKS that was read last: tokens and clients are accepted until they expire.
  #judgeJwks ({ revocation, server, sentAt, receivedAt }: Acceptance): Judgement {
    if (revocation.kind !== 'key') return { verdict: 'hop', reason: '' }
    const question = server.questions.findLast((one) => one.about === 'jwks' && one.receivedAt <= sentAt)
    const possible = server.questions.filter((one) => one.about === 'jwks' && one.receivedAt > sentAt && one.receivedAt <= receivedAt)
    const kid = revocation.id.replace('key ', '')
    if (question !== undefined && !question.kids!.includes(kid) && !possible.some(({ kids }) => kids!.includes(kid))) return violation('its JWKS has not the key')
    if (question === undefined) return { verdict: 'hop', reason: '' }
    if (sentAt > question.sentAt + JWKS_AGE) return violation(`it has read the JWKS ${(sentAt - question.sentAt).toFixed(0)} ms before`)
    return this.#judgeHop(revocation, question)
  }

  #judgeHop (revocation: Revocation, question: Times & { by: string }): Judgement {
    const issuer = this.#servers.find(({ name }) => name === question.by)
    if (issuer === undefined) return violation(`the answer is from ${question.by}`)
    if (question.sentAt <= revocation.acknowledgedAt) return { verdict: 'hop', reason: '' }
    const judgement = this.#judgeServer(revocation, issuer, question)
    return judgement.verdict === 'within' ? { verdict: 'hop', reason: '' } : { ...judgement, reason: `${issuer.name} has answered: ${judgement.reason}` }
  }
}

// For what is in the store since a time.
function judgeReads (feed: Feed, since: number, server: ServerProcess, times: Times): Judgement {
  const lastRead = Math.max(-Infinity, ...server.readsOf(feed, server.lifeAt(times.sentAt)).filter((read) => read.isComplete && read.endedAt <= times.sentAt).map(({ begunAt }) => begunAt))
  if (lastRead > since) return violation(`it had read it: the read began ${(lastRead - since).toFixed(0)} ms after`)
  if (times.sentAt <= since + PROMISED) return { verdict: 'within', reason: '' }
  const isStale = times.sentAt > lastRead + MAX_STALE
  if (!isStale && hasJustFailed(feed, server, times)) return { verdict: 'outage', reason: '' }
  return violation(`${(times.sentAt - since).toFixed(0)} ms later, and no attempt to read had just failed`)
}

function hasJustFailed (feed: Feed, server: ServerProcess, { sentAt, receivedAt }: Times): boolean {
  return server.readsOf(feed, server.lifeAt(sentAt)).some(({ isFailed, endedAt }) => isFailed && endedAt >= sentAt - AFTER_FAILURE - LATE && endedAt <= receivedAt)
}

// Whether the process that runs at a time had acknowledged or read it before it was lost.
function isHolder ({ by, feed, acknowledgedAt, lostAt = Infinity }: Revocation, server: ServerProcess, time: number): boolean {
  const life = server.lifeAt(time)
  if (life.from > acknowledgedAt) return false
  return by === server.name || server.readsOf(feed, life).some((read) => read.isComplete && read.begunAt > acknowledgedAt && read.endedAt < lostAt)
}

function violation (reason: string): Judgement {
  return { verdict: 'violation', reason }
}
