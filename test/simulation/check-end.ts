// What must hold once the faults have ended for long enough: H, and that all processes decide alike.
import { checkAccess } from './check-access.ts'
import type { Held } from './held.ts'
import type { IssuedToken, Ledger } from './ledger.ts'
import type { RunContext } from './run-context.ts'
import type { SimulatedProcess, Verdict } from './simulated-process.ts'
import type { Truth } from './truth.ts'
import { EPOCH } from './world.ts'

export async function checkEnd (run: RunContext): Promise<void> {
  const guards = run.processes.filter((process) => process.isGuarding)
  for (const process of guards) {
    checkEntries(run, process)
    checkRevocations(run, process)
  }
  const seconds = (EPOCH + run.world.now) / 1000
  // An opaque token that the database has lost, or takes for expired by its clock, is valid where it is cached.
  const { truth } = run.main.primary
  const isKept = (id: string): boolean => (truth.tokens.get(id)?.expiresAt ?? 0) > run.main.primary.wall() / 1000 + 5
  const tokens = run.ledger.tokens.filter(({ exp, isDoubtful, kid, id }) => !isDoubtful && (kid !== undefined || isKept(id)) && exp > seconds + 2 * run.config.clockTolerance)
  for (const token of tokens) {
    const verdicts = (await presentToAll(run, guards, token)).filter(({ process }) => !process.isSkewed)
    const accepting = verdicts.filter(({ verdict }) => verdict === 'accepted')
    checkEnded(run, token, accepting)
    // What a slow write has changed a moment ago, some have not read yet (R: within a second).
    const isSettled = lastChange(run.ledger, token) < run.world.now - 1500
    if (isSettled && accepting.length > 0 && accepting.length < verdicts.length) {
      run.violation('C', `Token ${token.number} is ${verdicts.map(({ process, verdict }) => `${verdict} by ${process.name}`).join(', ')}`)
    }
  }
}

function lastChange (ledger: Ledger, { clientId, id, kid = '' }: IssuedToken): number {
  const cutOff = ledger.cutOffs.findLast((one) => one.clientId === clientId)?.at
  return Math.max(ledger.lastRaise(clientId), ledger.revokedTokens.get(id) ?? -Infinity, ledger.revokedKeys.get(kid) ?? -Infinity, cutOff ?? -Infinity)
}

// Whatever the entries say: a token from before an acknowledged revocation is rejected, unless history was lost since.
function checkEnded ({ ledger, main, second, world, violation }: RunContext, token: IssuedToken, accepting: ReadonlyArray<{ process: SimulatedProcess }>): void {
  const ended = ledger.ended.find(({ begunAt, acknowledgedAt, clientId, kid }) => token.issuedAt < begunAt && acknowledgedAt < world.now - 2000 &&
    (clientId === undefined || clientId === token.clientId) && (kid === undefined || kid === token.kid))
  const isKept = ended !== undefined && ![...main.losses, ...second.losses].some(({ at }) => at >= ended.begunAt)
  if (isKept) for (const { process } of accepting) violation('R', `${process.name} accepts token ${token.number}, which was revoked at ${ended.acknowledgedAt.toFixed(0)}`)
}

async function presentToAll (run: RunContext, guards: readonly SimulatedProcess[], token: IssuedToken): Promise<Array<{ process: SimulatedProcess, verdict: Verdict }>> {
  const verdicts: Array<{ process: SimulatedProcess, verdict: Verdict }> = []
  for (const process of guards) {
    process.host.run(async () => {
      const presentedAt = run.world.now
      const { verdict, cause } = await process.present(token.token)
      checkAccess(run, process, token, { presentedAt, verdict, cause })
      verdicts.push({ process, verdict })
    })
  }
  await run.world.runUntil(run.world.now + 300)
  const silent = guards.filter((guard) => !verdicts.some(({ process }) => process === guard))
  if (silent.length > 0) run.violation('L', `Token ${token.number} gets no answer of ${silent.map(({ name }) => name).join(', ')} within 300 ms`)
  return verdicts
}

// H: whatever a living process was told is in the database, and in force there.
function checkEntries ({ main, world, violation, config }: RunContext, { name, observations: { held } }: SimulatedProcess): void {
  const { truth } = main.primary
  const { now } = world
  const isOver = isOverAt(now, config.clockTolerance)
  const lack = (what: string): void => { violation('H', `The database lacks ${what}, which ${name} was told`) }
  if (!isOver(held.all.expiresAt) && generationOfAll(truth, now) < held.all.generation) lack('a generation of all clients')
  for (const [id, { generation, isDisabled, expiresAt }] of held.clients) {
    if (isOver(expiresAt)) continue
    if (truth.generation(id, now) < generation) lack(`the generation of ${id}`)
    const row = truth.row(id, now)
    if (row === undefined) continue
    if (row.generation < generation) violation('H', `The row of ${id} has an earlier generation than ${name} was told`)
    else if (isDisabled && row.generation === generation && !row.isDisabled) violation('H', `${id} is enabled again, though ${name} was told that it is disabled`)
  }
  checkSecretsAndKeys(held, truth, { isOver, now, name, lack, violation })
}

function checkSecretsAndKeys (
  held: Held, truth: Truth, { isOver, now, name, lack, violation }:
  { isOver: (expiresAt: number) => boolean, now: number, name: string, lack: (what: string) => void, violation: RunContext['violation'] }
): void {
  for (const [id, expiresAt] of held.secrets) {
    if (isOver(expiresAt)) continue
    if (!truth.hasEntry('secret', id, now)) lack(`the revocation of the secret ${id}`)
    const [clientId, secretId] = id.split(' ') as [string, string]
    if (truth.row(clientId, now)?.secretIds.includes(secretId) === true) violation('H', `The secret ${id} is there again, though ${name} was told that it is revoked`)
  }
  for (const [kid, expiresAt] of held.keys) {
    if (isOver(expiresAt)) continue
    if (!truth.hasEntry('key', kid, now)) lack(`the revocation of the key ${kid}`)
    if (truth.hasKey(kid, now)) violation('H', `The key ${kid} is there again, though ${name} was told that it is revoked`)
  }
}

function checkRevocations ({ second, main, config, world, violation }: RunContext, { name, observations: { held } }: SimulatedProcess): void {
  const { truth } = (config.tokens === 'jwt' ? second : main).primary
  const isOver = isOverAt(world.now, config.clockTolerance)
  for (const [id, expiresAt] of held.tokens) {
    if (!isOver(expiresAt) && !truth.hasTokenRevocation(id, world.now)) violation('H', `The database lacks the revocation of the token ${id}, which ${name} was told`)
  }
}

// A little early, since clocks differ.
function isOverAt (now: number, clockTolerance: number): (expiresAt: number) => boolean {
  return (expiresAt) => expiresAt - 2 * clockTolerance < (EPOCH + now) / 1000
}

function generationOfAll (truth: Truth, at: number): number {
  return truth.generation('', at)
}
