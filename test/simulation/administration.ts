// Changes by an administrator, at one of the authorization servers.
import type { AuditOrigin } from '../../src/stores/contracts/index.ts'
import type { EndedTokens } from './ledger.ts'
import type { Parts } from './parts.ts'
import { pickToken, runningServers } from './pick.ts'
import type { AdministrationKind } from './plan.ts'
import type { Random } from './random.ts'
import { basic, presentEverywhere } from './requests.ts'
import type { RunContext } from './run-context.ts'
import { SimulatedProcess } from './simulated-process.ts'
import type { Truth } from './truth.ts'

type Deed = Parts & { run: RunContext, random: Random, server: SimulatedProcess, id: string, begunAt: number, by: AuditOrigin }

// What each change promises once it has succeeded: that it was in force at some moment since it began. Undefined: it has
// changed nothing.
type Effect = { where: 'main' | 'any', isMet: (truth: Truth, at: number) => boolean, isAudited?: boolean, ends?: EndedTokens } | undefined

const WITHOUT_REGISTRY: ReadonlySet<AdministrationKind> = new Set<AdministrationKind>(['revoke tokens', 'revoke token', 'rotate key', 'revoke key'])

/** Changes something at a server, or by a command. @returns the process that does it */
export function administer (run: RunContext, kind: AdministrationKind, random: Random): SimulatedProcess | undefined {
  if (!run.config.hasRegistry && !WITHOUT_REGISTRY.has(kind)) return undefined
  const servers = runningServers(run).filter(({ isAdministering }) => !isAdministering)
  if (servers.length === 0) return undefined
  const isCommand = random.chance(0.2) && kind !== 'revoke token' && kind !== 'rotate key'
  const server = isCommand ? startCommand(run, random) : random.pick(servers)
  server.isAdministering = true
  server.host.run(async () => { await change(run, server, kind, random) })
  if (random.chance(0.5)) run.world.after(random.integer(0, 1200), undefined, () => { presentEverywhere(run, random) })
  return server
}

function startCommand (run: RunContext, random: Random): SimulatedProcess {
  run.world.report.count('command')
  const command = new SimulatedProcess(run, `command${random.integer(0, 99)}`, 'command line', { offset: random.integer(-run.config.skew, run.config.skew) })
  command.host.run(() => { command.start() })
  return command
}

async function change (run: RunContext, server: SimulatedProcess, kind: AdministrationKind, random: Random): Promise<void> {
  const { world } = run
  const id = `c${random.integer(0, run.config.clients - 1)}`
  const begunAt = world.now
  const by: AuditOrigin = { actor: { kind: 'client', id: 'admin' }, requestId: `${kind} ${random.integer(0, 2 ** 31)}` }
  try {
    const effect = await DEEDS[kind]({ ...(server.parts as Parts), run, random, server, id, begunAt, by })
    world.report.outcome(`${kind}: done`)
    world.trace(() => `${server.name}: "${kind}" of ${id} is done, begun at ${begunAt.toFixed(1)}`)
    if (effect !== undefined) checkEffect(run, server, kind, begunAt, effect)
    if (effect?.isAudited === true) checkAudit(run, server, by)
    if (effect?.ends !== undefined) run.ledger.ended.push({ ...effect.ends, begunAt, acknowledgedAt: world.now })
  } catch (error) {
    world.report.outcome(`${kind}: ${(error as Error).name}`)
    world.trace(() => `${server.name}: "${kind}" of ${id} fails: ${String(error)}`)
  } finally {
    server.isAdministering = false
    if (server.kind === 'command line') server.host.kill()
  }
}

// N: success means effect, in the copy that has acknowledged it.
function checkEffect (run: RunContext, server: SimulatedProcess, kind: string, begunAt: number, { where, isMet }: NonNullable<Effect>): void {
  const databases = where === 'main' ? [run.main] : [run.main, run.second]
  const replicas = new Set(databases.flatMap((database) => [database.replicaOf(server), database.primary, ...database.losses.filter(({ at }) => at >= begunAt).map(({ before }) => before)]))
  for (const { truth } of replicas) {
    const times = [begunAt, run.world.now, ...truth.timesBetween(begunAt, run.world.now)]
    if (times.some((at) => isMet(truth, at))) return
  }
  run.violation('N', `${server.name} reports success of "${kind}", which has no effect`)
}

// Every change leaves a record of who has made it, in the same write.
function checkAudit (run: RunContext, server: SimulatedProcess, { requestId }: AuditOrigin): void {
  const { main } = run
  const copies = new Set([main.replicaOf(server), main.primary, ...main.losses.map(({ before }) => before)])
  const isRecorded = [...copies].some(({ log }) => log.some(({ args }) => JSON.stringify(args).includes(JSON.stringify(requestId))))
  if (!isRecorded) run.violation('N', `${server.name} leaves no audit record of "${String(requestId)}"`)
}

const DEEDS: Record<AdministrationKind, (deed: Deed) => Promise<Effect>> = {
  async disable ({ clients, id, by, begunAt }) {
    if (await clients!.disable(id, { by }) === undefined) return undefined
    return { where: 'main', isMet: (truth, at) => truth.row(id, at)?.isDisabled === true && truth.wasRaised(id, begunAt), isAudited: true, ends: { clientId: id } }
  },

  async enable ({ clients, id, by, begunAt }) {
    if (await clients!.enable(id, { by }) === undefined) return undefined
    return { where: 'main', isMet: (truth, at) => truth.row(id, at)?.isDisabled === false && truth.wasRaised(id, begunAt), isAudited: true }
  },

  async remove ({ clients, id, by, begunAt }) {
    return await clients!.remove(id, { by }) ? { where: 'main', isMet: (truth, at) => truth.row(id, at) === undefined && truth.wasRaised(id, begunAt), isAudited: true, ends: { clientId: id } } : undefined
  },

  async add ({ clients, id, run, by }) {
    const { secret } = await clients!.add({ id, scopes: [] }, { by })
    run.ledger.secrets.set(id, [secret!, ...run.ledger.secrets.get(id) ?? []])
    return { where: 'main', isMet: (truth, at) => truth.row(id, at) !== undefined, isAudited: true }
  },

  async update ({ clients, id, begunAt, by }) {
    const updated = await clients!.update(id, { name: `changed at ${begunAt}` }, { by })
    return updated && { where: 'main', isMet: () => true, isAudited: true }
  },

  async 'rotate secret' ({ clients, id, run, random, by }) {
    const issued = await clients!.rotateSecret(id, { overlap: random.pick([0, 86_400]), by })
    if (issued === undefined) return undefined
    run.ledger.secrets.set(id, [issued, ...run.ledger.secrets.get(id) ?? []])
    return { where: 'main', isMet: (truth, at) => truth.row(id, at)?.secretIds.includes(issued.id) === true, isAudited: true }
  },

  async 'revoke secret' ({ clients, id, run, random, by }) {
    const secret = random.pick(run.ledger.secrets.get(id) ?? [])
    if (secret === undefined || !await clients!.revokeSecret(id, secret.id, { by })) return undefined
    return { where: 'main', isMet: (truth, at) => truth.row(id, at)?.secretIds.includes(secret.id) !== true, isAudited: true }
  },

  async 'revoke tokens' ({ clients, tokens, id, begunAt, random, by, run }) {
    const isDone = clients !== undefined && random.chance(0.7) ? await clients.revokeTokens(id, { by }) : await tokens.revokeClient(id).then(() => true)
    if (!isDone) return undefined
    // A client that is not in the registry gets a cut-off, which is no more than the clock that it was taken from.
    const cutOff = run.ledger.cutOffs.findLast(({ at, clientId }) => at >= begunAt && clientId === id)
    const isCutOff = (truth: Truth): boolean => truth.revocations.some(({ at, value }) => at >= begunAt && value.kind === 'client' && value.id === id)
    return { where: 'any', isMet: (truth) => isCutOff(truth) || truth.wasRaised(id, begunAt), ...(cutOff?.isBehind !== true && { ends: { clientId: id } }) }
  },

  async 'revoke all' ({ clients, begunAt, by }) {
    await clients!.revokeAllTokens({ by })
    return { where: 'main', isMet: ({ entries }) => entries.some(({ at, value }) => at >= begunAt && value.kind === 'all'), isAudited: true, ends: {} }
  },

  async 'revoke token' ({ run, random, server }) {
    const token = pickToken(run, random)
    const secret = token && run.ledger.secrets.get(token.clientId)?.[0]
    if (token === undefined || secret === undefined) return undefined
    await server.revokeToken(token.token, basic(token.clientId, secret.secret))
    return undefined
  },

  async 'rotate key' ({ keys, by }) {
    await keys.rotate({ by })
    return undefined
  },

  async 'revoke key' ({ keys, run, random, by }) {
    const { kid } = pickToken(run, random) ?? {}
    if (kid === undefined || !await keys.revoke(kid, { by })) return undefined
    // The key that takes its place is of the same algorithm: verifiers elsewhere know no other.
    const { algorithms } = run.main.primary.truth
    const changed = [...algorithms].find(([, algorithm]) => algorithm !== algorithms.get(kid))
    if (changed !== undefined) run.violation('N', `The key ${changed[0]} is for ${changed[1]}, unlike the one that it replaces`)
    return { where: 'main', isMet: (truth, at) => !truth.hasKey(kid, at) && truth.hasEntry('key', kid, at), isAudited: true, ends: { kid } }
  }
}
