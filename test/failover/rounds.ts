// The course of one failover under load.
import type { Judge } from './judge.ts'
import type { Ledger } from './ledger.ts'
import type { Load } from './load.ts'
import { markLostInPostgres, markLostInRedis } from './losses.ts'
import type { Probes } from './probes.ts'
import type { Records } from './records.ts'
import type { Revoking } from './revoking.ts'
import { PROMISED, RECONNECTED_WITHIN, WRITTEN_BACK_WITHIN } from './settings.ts'
import { Silence } from './silence.ts'
import { delay, now } from './time.ts'
import type { World } from './world.ts'

export type Mode = 'sync' | 'async'

export interface Course {
  readonly mode: Mode
  /** Which primaries are killed. */
  readonly postgres: boolean
  readonly redis: boolean
  /** Whether connections hang until the failover is over, as if a machine had lost its power. */
  readonly hangs: boolean
  /** Whether server B gets no requests around the failover. */
  readonly isQuiet: boolean
  /** Whether server B is killed together with the primaries. */
  readonly killsServer: boolean
}

export interface RoundResult {
  readonly course: Course
  /** Milliseconds from the end of the primaries until the others could be reached. */
  readonly outage: number
  readonly lostInPostgres: number
  readonly lostInRedis: number
  /** Revocations of which the replica of Redis had not confirmed that it has them. */
  readonly unconfirmed: number
}

type Failover = RoundResult & { readonly lostAt: number, readonly recoveredAt: number }

/** What differs from round to round. */
export function courseOf (index: number, mode: Mode): Course {
  const [postgres, redis] = [index % 6 !== 5, index % 6 !== 3]
  return { mode, postgres, redis, hangs: index % 3 === 2, isQuiet: index % 2 === 1, killsServer: mode === 'async' && index % 5 === 4 }
}

export interface RoundParts {
  readonly world: World
  readonly load: Load
  readonly revoking: Revoking
  readonly probes: Probes
  readonly ledger: Ledger
  readonly records: Records
  readonly judge: Judge
}

// Milliseconds.
const STEADY_FOR = 1200
const OBSERVED_FOR = 1500

/** Runs a failover. When it returns, primary and standby are as they were before, with roles changed. */
export async function runRound (parts: RoundParts, course: Course): Promise<RoundResult> {
  const { world, revoking } = parts
  const [, server] = world.servers
  revoking.start()
  await Promise.all([delay(STEADY_FOR), revoking.revoke('key'), delay(STEADY_FOR / 2).then(async () => { await revoking.revoke('all tokens') })])
  const cutAt = course.mode === 'async' ? await cutReplication(parts, course) : Infinity
  const silence = course.isQuiet ? await Silence.begin(parts, server) : undefined
  await lastChanges(parts, course)
  const failover = await failOver(parts, course, cutAt)
  const standbys = addStandbys(world, course)
  if (course.killsServer) await server.start()
  await silence?.last()
  await silence?.end()
  if (course.killsServer) parts.records.leadIssuerTo(world, ...world.servers)
  await writtenBack(parts, failover)
  await delay(OBSERVED_FOR)
  await standbys
  await revoking.stop()
  revoking.isCut = false
  await revoking.reset()
  const { lostAt, recoveredAt, ...result } = failover
  return result
}

// From now on, the standbys get nothing more.
async function cutReplication ({ world, revoking }: RoundParts, { postgres, redis }: Course): Promise<number> {
  revoking.isCut = true
  const cutAt = now()
  if (postgres) world.postgres.cutReplication()
  if (redis) world.redis.cutReplication()
  if (Math.random() < 0.3) await revoking.revoke('all tokens')
  if (Math.random() < 0.3) await revoking.revoke('key')
  await delay(300 + Math.random() * 1200)
  return cutAt
}

// What an administrator does at the last moment is read by no server.
async function lastChanges ({ revoking }: RoundParts, { mode }: Course): Promise<void> {
  if (mode === 'async') for (const kind of ['tokens of a client', 'client disabled', 'secret'] as const) revoking.begin(kind, true)
  await delay(40 + Math.random() * 160)
}

async function failOver (parts: RoundParts, course: Course, cutAt: number): Promise<Failover> {
  const { world, records, ledger, judge } = parts
  const [other, killed] = world.servers
  const outage = records.beginOutage()
  const lostAt = now()
  if (course.hangs) {
    if (course.postgres) world.postgresProxy.silence()
    if (course.redis) world.redisProxy.silence()
  }
  await Promise.all([course.postgres && world.postgres.killPrimary(), course.redis && world.redis.killPrimary(), course.killsServer && killed.kill()])
  if (course.killsServer) world.leadIssuerTo(other)
  if (!course.hangs) {
    if (course.postgres) world.postgresProxy.leadTo()
    if (course.redis) world.redisProxy.leadTo()
  }
  await delay(Math.random() * (course.hangs ? 2500 : 1000))
  await Promise.all([course.postgres && world.postgres.promote(), course.redis && world.redis.promote()])
  const unconfirmed = ledger.revocations.filter(({ feed, acknowledgedAt }) => feed === 'revocations' && acknowledgedAt > world.redis.confirmedAt).length
  const lostInPostgres = course.postgres ? await markLostInPostgres(ledger, world.postgres, lostAt) : 0
  const lostInRedis = course.redis ? await markLostInRedis(ledger, world.redis.client, lostAt) : 0
  if (cutAt < Infinity && course.postgres) await disturbWhatIsLost(parts, cutAt, lostAt)
  if (course.postgres) world.postgresProxy.leadTo(world.postgres.port)
  if (course.redis) world.redisProxy.leadTo(world.redis.port)
  const recoveredAt = now()
  judge.recoveries.set(lostAt, recoveredAt)
  outage.until = recoveredAt + RECONNECTED_WITHIN
  return { course, outage: recoveredAt - lostAt, lostInPostgres, lostInRedis, unconfirmed, lostAt, recoveredAt }
}

// What the standby does not have makes valid tokens invalid, or will when it is written back.
async function disturbWhatIsLost ({ world, ledger }: RoundParts, cutAt: number, lostAt: number): Promise<void> {
  const [row] = await world.postgres.query('SELECT body FROM oauth_key_sets')
  const kids = new Set((JSON.parse(String(row?.['body'])) as Array<{ kid: string }>).map(({ kid }) => kid))
  for (const kid of new Set(ledger.tokens.map((token) => token.kid))) {
    if (kid !== undefined && !kids.has(kid)) ledger.disturb(`key ${kid}`, lostAt)
  }
  for (const token of ledger.tokens) {
    if (token.kind === 'opaque' && token.receivedAt > cutAt - PROMISED) ledger.disturb(`token ${token.id}`, lostAt)
  }
  const lost = ledger.revocations.filter((revocation) => revocation.lostAt === lostAt)
  if (lost.some(({ kind }) => kind === 'all tokens')) ledger.disturb('all', lostAt, now() + WRITTEN_BACK_WITHIN + 2 * PROMISED)
}

// Waits until everything that a server holds is in the stores again.
async function writtenBack ({ ledger, judge }: RoundParts, { lostAt, recoveredAt }: Failover): Promise<void> {
  const held = ledger.revocations.filter((revocation) => revocation.lostAt === lostAt && judge.holdersOf(revocation).length > 0)
  while (now() < recoveredAt + WRITTEN_BACK_WITHIN && held.some((revocation) => judge.writtenBackAt(revocation) === Infinity)) await delay(50)
}

async function addStandbys ({ postgres, redis }: World, course: Course): Promise<void> {
  if (course.postgres) await postgres.addStandby()
  else if (course.mode === 'async') await postgres.synchronize(false)
  if (course.redis) await redis.addReplica()
}
