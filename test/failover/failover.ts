// Fails PostgreSQL and Redis over to their standbys, again and again, under a load that issues, uses and revokes tokens all the
// time, and checks that no process accepts what was revoked later than promised (design §3.2 R and H).
//
// npm run failover -- [--rounds 3] [--mode sync|async|both] [--logs FOLDER]
//
// sync: commits of PostgreSQL wait until the standby has applied them (synchronous_commit = remote_apply). Redis has no such
// setting; the harness asks it all the time (WAIT) how far the replica is, and counts apart what was not confirmed.
// async: the replication is cut before some of the revocations, which are lost. Whatever a living server had acknowledged or
// read of them counts; the rest is counted.
import { parseArgs } from 'node:util'
import { LoadClients } from './clients.ts'
import { closeConnections } from './http.ts'
import { Judge } from './judge.ts'
import { Ledger } from './ledger.ts'
import { Load } from './load.ts'
import { Probes } from './probes.ts'
import { Records } from './records.ts'
import { report } from './report.ts'
import { Revoking } from './revoking.ts'
import { courseOf, runRound } from './rounds.ts'
import type { Mode, RoundResult } from './rounds.ts'
import { now } from './time.ts'
import { World } from './world.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, mode: { type: 'string', default: 'both' }, logs: { type: 'string' } } })
const modes: readonly Mode[] = values.mode === 'both' ? ['sync', 'async'] : [values.mode as Mode]
const startedAt = now()
const world = await World.start(values.logs)
let isGood = true
try {
  const clients = await LoadClients.add(world)
  for (const mode of modes) isGood = await run(clients, mode, Number(values.rounds)) && isGood
} finally {
  closeConnections()
  await world.close()
}
console.log(`\n${isGood ? 'PASS' : 'FAIL'} after ${((now() - startedAt) / 1000).toFixed(0)} s`)
process.exitCode = isGood ? 0 : 1

async function run (clients: LoadClients, mode: Mode, count: number): Promise<boolean> {
  const begunAt = now()
  const ledger = new Ledger()
  const records = new Records(ledger)
  const load = new Load({ world, ledger, records, clients })
  const probes = new Probes(load)
  const parts = { world, load, ledger, records, probes, revoking: new Revoking(load, probes), judge: new Judge(world.servers) }
  const rounds: RoundResult[] = []
  load.start()
  for (let index = 0; index < count; index++) {
    await world.postgres.synchronize(mode === 'sync')
    world.redis.startConfirming()
    const result = await runRound(parts, courseOf(index, mode))
    rounds.push(result)
    console.log(`${mode} ${index + 1}: ${JSON.stringify(result)}`)
  }
  await probes.end()
  await load.stop()
  return report(parts, rounds, begunAt)
}
