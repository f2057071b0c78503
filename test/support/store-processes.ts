import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { RevocationStore } from '../../src/stores/contracts/index.ts'
import { messageFrom, plainEnvironment } from './program.ts'
import { idsOf } from './store-contract.ts'
import type { StoreOrder } from './store-process.ts'

const PROGRAM = fileURLToPath(new URL('store-process.ts', import.meta.url))

/** Starts processes over one store, which have not used it yet. */
export async function startStoreProcesses (t: Test, { store, count }: { store: string, count: number }): Promise<ChildProcess[]> {
  return await Promise.all(Array.from({ length: count }, async () => {
    const child = fork(PROGRAM, { execArgv: ['--import', 'tsx'], env: { ...plainEnvironment(), STORE: store } })
    t.teardown(() => { child.kill('SIGKILL') })
    await messageFrom(child)
    return child
  }))
}

/** What must hold when many processes start on an empty database at once: they make its tables once, and all of them work. */
export async function startTogether (t: Test, location: string, store: RevocationStore): Promise<void> {
  const processes = await startStoreProcesses(t, { store: location, count: 8 })
  const ids = (index: number) => [1, 2, 3].map((round) => `jti-${index}-${round}`)
  const answers = await Promise.all(processes.map(async (child, index) => {
    child.send({ revoke: ids(index) } satisfies StoreOrder)
    return await messageFrom(child)
  }))
  t.strictSame(answers, processes.map(() => 'done'))
  t.strictSame(idsOf(await store.listRevocations()).sort(), processes.flatMap((_, index) => ids(index)).sort())
}
