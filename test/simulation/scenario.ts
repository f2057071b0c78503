// One run: sets up the processes, lives through the operations of a plan, ends the faults, and compares what is left.
import type { ClientRegistry } from '../../src/index.ts'
import type { Written } from '../../src/stores/contracts/index.ts'
import { administer } from './administration.ts'
import { revokeMany } from './bulk.ts'
import { checkServed } from './check-access.ts'
import { checkEnd } from './check-end.ts'
import { circumstancesOf } from './circumstances.ts'
import { Database } from './database.ts'
import { causeFault, disturb, endFaults } from './faults.ts'
import { Ledger } from './ledger.ts'
import { Network } from './network.ts'
import type { AdministrationKind, Config, FaultKind, Operation, Plan } from './plan.ts'
import { Random } from './random.ts'
import type { Commit, Replica } from './replica.ts'
import type { SeedReport } from './report.ts'
import { guessSecret, partnerJwks, PARTNER, present, presentEverywhere, presentToken, requestByAssertion, requestToken } from './requests.ts'
import { API } from './run-context.ts'
import type { RunContext } from './run-context.ts'
import { OBSERVER, SimulatedProcess } from './simulated-process.ts'
import type { ProcessKind } from './simulated-process.ts'
import { EPOCH, World } from './world.ts'

/** What was found wrong in a run. */
export interface Violation { readonly rule: string, readonly message: string, readonly at: number }

export interface Outcome {
  readonly plan: Plan
  readonly violations: readonly Violation[]
  readonly report: SeedReport
  readonly events: number
}

// Milliseconds from the end of the faults until everything must have converged: longer where something is written back.
const SETTLING = 3500
const REPAIR = 16_000
const SETTLING_STEP = 700

export async function runPlan (plan: Plan, { isTraced = false, hasOne = true }: { isTraced?: boolean, hasOne?: boolean } = {}): Promise<Outcome> {
  const world = new World(plan.seed)
  world.report.isTraced = isTraced
  circumstancesOf(plan).forEach((name) => { world.report.count(name) })
  const violations: Violation[] = []
  const run = contextOf(world, plan.config, violations)
  const onRejection = (error: unknown): void => { world.uncaught.push(error) }
  process.on('unhandledRejection', onRejection)
  const { stackTraceLimit } = Error
  if (!isTraced) Error.stackTraceLimit = 0
  try {
    await setUp(run)
    const begunAt = world.now
    for (const operation of plan.operations) {
      await world.runUntil(begunAt + operation.at)
      if (hasOne && violations.length > 0) break
      world.after(0, undefined, () => { execute(run, operation) })
    }
    if (violations.length === 0) await settle(run, plan, begunAt + plan.endsAt)
  } catch (error) {
    world.uncaught.push(error)
  } finally {
    process.off('unhandledRejection', onRejection)
    Error.stackTraceLimit = stackTraceLimit
  }
  for (const error of world.uncaught) violations.push({ rule: 'uncaught', message: (error as Error).stack ?? String(error), at: world.now })
  for (const { observations } of run.processes) {
    if (observations.writtenBack === 0) continue
    world.report.count('write-back')
    world.report.outcome('entries written back', observations.writtenBack)
  }
  return { plan, violations, report: world.report, events: world.events }
}

function contextOf (world: World, config: Config, violations: Violation[]): RunContext {
  const { random } = world
  const options = { isSynchronous: config.isSynchronous, lag: config.lag, pageSize: config.pageSize }
  const main = new Database(world, 'main', { ...options, offset: random.integer(-config.skew, config.skew) })
  const second = config.hasSecondDatabase ? new Database(world, 'second', { ...options, offset: random.integer(-config.skew, config.skew) }) : main
  const ledger = new Ledger()
  for (const database of new Set([main, second])) database.onCommit = (commit, result, replica) => { note(run, database, commit, result, replica) }
  const run: RunContext = {
    world,
    config,
    ledger,
    network: new Network(world),
    main,
    second,
    processes: [],
    options: { maxTokenLifetime: Math.max(300, config.tokenLifetime), algorithm: 'ES256' },
    backups: new Map(),
    isChangingOptions: false,
    areFaultsOver: false,
    violation: (rule, message) => {
      violations.push({ rule, message, at: world.now })
      world.trace(() => `VIOLATION ${rule}: ${message}`)
    }
  }
  run.onServed = (server, served) => { checkServed(run, server, served) }
  return run
}

// Only what the primary has written counts as a change: an old one that goes on is no part of the promises.
function note ({ world, ledger, main, config }: RunContext, database: Database, { method, args }: Commit, result: unknown, replica: Replica): void {
  world.trace(() => `${database.name}${replica === database.primary ? '' : ' (old primary)'}: ${method} ${summary(args, result)}`)
  if (replica !== database.primary) return
  if (method === 'addRevocation') {
    const revocation = args[0] as { kind: string, id: string, issuedBefore: number }
    if (revocation.kind === 'token') ledger.revokedTokens.set(revocation.id, world.now)
    else ledger.cutOffs.push({ at: world.now, clientId: revocation.id, issuedBefore: revocation.issuedBefore, ...clockOf(revocation.issuedBefore, world.now, config) })
  }
  if (database !== main || result === false || result === undefined) return
  const written = (method === 'addClients' ? (result as { entries: Written }).entries : result) as Written
  if (!['addClients', 'replaceClient', 'removeClient', 'addEntries', 'raiseAll', 'replaceKeys'].includes(method)) return
  for (const { kind, id } of written) if (kind === 'client' || kind === 'all') ledger.lastRaises.set(id, world.now)
  if (method !== 'addEntries') ledger.raised(world.now, written, replica)
}

// Design §3.1: where only `iat` can decide, `clockTolerance` counts, by which any two clocks may differ. That of an issuer
// differs from the true time by `skew` at most, the rest of the tolerance is left for that of the cut-off.
function clockOf (issuedBefore: number, now: number, { clockTolerance, skew }: Config): { isBehind: boolean, isAhead: boolean } {
  const ahead = issuedBefore - (EPOCH + now) / 1000
  return { isBehind: -ahead >= clockTolerance - skew / 1000, isAhead: ahead > clockTolerance + 1 }
}

async function setUp (run: RunContext): Promise<void> {
  const { world, config, ledger } = run
  const add = (kind: ProcessKind, count: number): void => {
    for (let i = 0; i < count; i++) {
      const offset = world.random.integer(-config.skew, config.skew)
      const process = new SimulatedProcess(run, `${kind.replaceAll(' ', '-')}${i}`, kind, { offset, countsSuspension: world.random.chance(0.7) })
      process.hasSeparateEntries = world.random.chance(0.5)
      run.processes.push(process)
      process.host.run(() => { process.start() })
    }
  }
  add('server', config.servers)
  await world.runUntil(1)
  const [server] = run.processes as [SimulatedProcess]
  if (config.hasRegistry) server.host.run(async () => { await registerClients(run, server.parts!.clients!) })
  else for (const id of [...clientIds(config), OBSERVER]) ledger.secrets.set(id, [{ id: 'only', secret: `secret of ${id}` }])
  await world.runUntil(20_000)
  add('guard', config.guards)
  add('legacy', config.legacy)
  add('introspector', config.introspectors)
  add('jwks reader', config.jwksReaders)
  disturb(run, run.processes, 3000)
  await world.runUntil(20_400)
}

const clientIds = ({ clients }: Config): string[] => Array.from({ length: clients }, (_, number) => `c${number}`)

async function registerClients ({ config, ledger }: RunContext, clients: ClientRegistry): Promise<void> {
  for (const id of clientIds(config)) {
    const chosen = id === 'c0' && config.hasSlowSecret ? 'chosen by a human' : undefined
    const { client, secret } = await clients.add({ id, ...(chosen !== undefined && { secret: chosen }) })
    ledger.secrets.set(id, [chosen === undefined ? secret! : { id: client.secrets[0]!.id, secret: chosen }])
  }
  ledger.secrets.set(OBSERVER, [(await clients.add({ id: OBSERVER, introspects: [API] })).secret!])
  await clients.add({ id: PARTNER, jwks: partnerJwks() as never })
}

function execute (run: RunContext, { kind, seed }: Operation): void {
  const random = new Random(seed)
  run.world.trace(() => `* ${kind}`)
  switch (kind) {
    case 'token': return requestToken(run, random)
    case 'present': return presentToken(run, random)
    case 'burst': return presentEverywhere(run, random)
    case 'assertion': return requestByAssertion(run, random)
    case 'guess': return guessSecret(run, random)
    case 'bulk': return revokeMany(run, random)
  }
  if (ADMINISTRATION.has(kind)) administer(run, kind as AdministrationKind, random)
  else causeFault(run, kind as FaultKind, random)
}

const ADMINISTRATION: ReadonlySet<string> = new Set<AdministrationKind>([
  'disable', 'enable', 'remove', 'add', 'update', 'rotate secret', 'revoke secret', 'revoke tokens', 'revoke all', 'revoke token', 'rotate key', 'revoke key'
])

async function settle (run: RunContext, { seed }: Plan, endsAt: number): Promise<void> {
  const { world } = run
  await world.runUntil(Math.max(endsAt, world.now))
  world.after(0, undefined, () => { endFaults(run) })
  await world.runUntil(world.now)
  const random = new Random(seed)
  const end = world.now + (run.main.losses.length + run.second.losses.length > 0 ? REPAIR : SETTLING)
  while (world.now < end) {
    // Every process must have a reason to read.
    requestToken(run, random)
    const token = random.pick(run.ledger.tokens.slice(-3))
    for (const process of run.processes) {
      if (process.kind === 'legacy') continue
      if (token !== undefined) present(run, process, token)
      else process.host.run(async () => { await process.present('no.such.token') })
    }
    await world.runUntil(world.now + SETTLING_STEP)
  }
  await checkEnd(run)
}

function summary (args: readonly unknown[], result: unknown): string {
  const text = (value: unknown): string => (JSON.stringify(value, (name, member) => name === 'privateJwk' || name === 'hash' ? undefined : member) ?? '').slice(0, 300)
  return `${text(args)} → ${text(result)}`
}
