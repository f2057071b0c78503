// What a run does, drawn from its seed: the processes, the databases, and a list of operations with their times.
import { Random } from './random.ts'

export interface Config {
  /** Authorization servers, which guard routes as well. */
  readonly servers: number
  /** Resource servers with the keys alone. */
  readonly guards: number
  /** Processes of release 0.1.0. */
  readonly legacy: number
  readonly introspectors: number
  readonly jwksReaders: number
  readonly tokens: 'jwt' | 'opaque'
  /** Whether the servers have a registry. Without one, the application knows the clients, and tokens carry no generation. */
  readonly hasRegistry: boolean
  /** Whether revocations and one-time values are in a second database. */
  readonly hasSecondDatabase: boolean
  readonly isSynchronous: boolean
  /** Milliseconds. */
  readonly lag: number
  readonly pageSize: number
  /** Seconds. */
  readonly tokenLifetime: number
  readonly clockTolerance: number
  readonly maxStale: number
  /** Seconds. Short, so that keys come and go. */
  readonly rotateEvery: number
  readonly clients: number
  /** Whether the secret of the first client is hashed slowly. */
  readonly hasSlowSecret: boolean
  /** Milliseconds that the wall clocks of processes differ from the true time, at most. */
  readonly skew: number
}

export type RequestKind = 'token' | 'present' | 'burst' | 'assertion' | 'guess' | 'bulk'
export type AdministrationKind =
  'disable' | 'enable' | 'remove' | 'add' | 'update' | 'rotate secret' | 'revoke secret' | 'revoke tokens' | 'revoke all' | 'revoke token' | 'rotate key' | 'revoke key'
export type FaultKind =
  'cut' | 'flaky' | 'slow' | 'suspend' | 'kill' | 'restart' | 'clock step' | 'database clock step' | 'failover' | 'unfenced failover' | 'backup' |
  'restore' | 'stale replica' | 'change options' | 'dying writer' | 'pausing writer' | 'network'
export type OperationKind = RequestKind | AdministrationKind | FaultKind

export interface Operation {
  readonly at: number
  readonly kind: OperationKind
  /** Its parameters are drawn from this, so that they stay the same when other operations are left out. */
  readonly seed: number
}

export interface Plan {
  readonly seed: number
  readonly config: Config
  readonly operations: readonly Operation[]
  /** When the faults end. */
  readonly endsAt: number
}

const REQUESTS: Record<RequestKind, number> = { token: 8, present: 10, burst: 4, assertion: 1, guess: 0.3, bulk: 0.01 }
const ADMINISTRATION: Record<AdministrationKind, number> = {
  disable: 3,
  enable: 3,
  remove: 1,
  add: 1.5,
  update: 0.5,
  'rotate secret': 1,
  'revoke secret': 1,
  'revoke tokens': 3,
  'revoke all': 1,
  'revoke token': 2,
  'rotate key': 1,
  'revoke key': 1.5
}
const FAULTS: Record<FaultKind, number> = {
  cut: 2,
  flaky: 2,
  slow: 2,
  suspend: 2,
  kill: 0.7,
  restart: 1,
  'clock step': 1.5,
  'database clock step': 1,
  failover: 1.5,
  'unfenced failover': 0.5,
  backup: 1,
  restore: 0.7,
  'stale replica': 1,
  'change options': 0.5,
  'dying writer': 1.5,
  'pausing writer': 1.5,
  network: 0.5
}

// Milliseconds.
const DAY = 86_400_000

export function planOf (seed: number): Plan {
  const random = new Random(seed)
  const config = configOf(random)
  // Each seed does without some kinds: what is always there hides what happens without it.
  const requests = subset(random, REQUESTS, 0.9)
  const administration = subset(random, ADMINISTRATION, 0.7)
  const faults = subset(random, FAULTS, 0.35)
  const weights = { requests: 6, administration: random.integer(1, 3), faults: random.pick([0, 1, 2, 4]) }
  const silences = random.pick([0, 0.05, 0.1])
  const longest = random.pick([5000, 60_000, 600_000, 3_600_000, 40 * DAY])
  const operations: Operation[] = []
  let at = 500
  const count = random.integer(15, 60)
  for (let i = 0; i < count; i++) {
    at += random.chance(silences) ? random.logarithmic(1000, longest) : random.logarithmic(1, 800)
    const kinds = { requests, administration, faults }[random.weighted(weights)]
    operations.push({ at, kind: random.weighted<OperationKind>(kinds), seed: random.integer(0, 2 ** 31) })
  }
  return { seed, config, operations, endsAt: at + random.logarithmic(1, 5000) }
}

function configOf (random: Random): Config {
  const tokens = random.chance(0.8) ? 'jwt' : 'opaque'
  const clockTolerance = random.pick([5, 10, 60])
  return {
    servers: random.integer(1, 3),
    guards: tokens === 'jwt' && random.chance(0.6) ? 1 : 0,
    legacy: tokens === 'jwt' && random.chance(0.2) ? 1 : 0,
    introspectors: random.chance(0.15) ? 1 : 0,
    jwksReaders: tokens === 'jwt' && random.chance(0.15) ? 1 : 0,
    tokens,
    hasRegistry: random.chance(0.9),
    hasSecondDatabase: random.chance(0.6),
    isSynchronous: random.chance(0.3),
    lag: random.pick([20, 500, 5000]),
    pageSize: random.pick([1, 2, 5, 1000]),
    // Entries are kept for 35 days at least.
    tokenLifetime: random.pick([30, 300, 3600, 60 * DAY / 1000]),
    clockTolerance,
    maxStale: random.pick([0, 3, 30, 600]),
    rotateEvery: random.pick([400, 86_400]),
    clients: random.integer(1, 3),
    hasSlowSecret: random.chance(0.3),
    skew: random.pick([0, 100, 400 * clockTolerance])
  }
}

function subset<T extends string> (random: Random, weights: Record<T, number>, probability: number): Partial<Record<T, number>> {
  const entries = (Object.entries(weights) as Array<[T, number]>).filter(() => random.chance(probability))
  const kept = entries.length > 0 ? entries : [random.pick(Object.entries(weights) as Array<[T, number]>)]
  return Object.fromEntries(kept) as Partial<Record<T, number>>
}
