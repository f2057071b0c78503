// Proves that the simulation sees: puts each fault of mutations.ts into a copy of the code, and runs seeds until one fails,
// and, where none does, the plans that have failed once.
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MUTATIONS } from './mutations.ts'
import type { Mutation } from './mutations.ts'
import { runShare } from './pool.ts'
import type { Failure } from './pool.ts'
import { REGRESSIONS } from './regressions.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

interface Row { readonly mutation: Mutation, readonly result: string, readonly isSeen: boolean }

/** Prints which seed sees which fault, and by which rule. @returns whether all are seen */
export async function proveMutations ({ count, only }: { count: number, only: string }): Promise<boolean> {
  const waiting = MUTATIONS.filter(({ name }) => name.includes(only))
  const rows: Row[] = []
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    for (let mutation = waiting.shift(); mutation !== undefined; mutation = waiting.shift()) {
      const row = await tryMutation(mutation, count)
      rows.push(row)
      process.stdout.write(`${row.isSeen ? 'seen    ' : 'NOT SEEN'}  ${mutation.name}: ${row.result}\n`)
    }
  }))
  process.stdout.write('\n| fault | mutation | seen by |\n|---|---|---|\n')
  for (const mutation of MUTATIONS) {
    const row = rows.find((one) => one.mutation === mutation)
    if (row !== undefined) process.stdout.write(`| ${mutation.fault ?? ''} | ${mutation.name} | ${row.result} |\n`)
  }
  return rows.every(({ isSeen }) => isSeen)
}

async function tryMutation (mutation: Mutation, count: number): Promise<Row> {
  const directory = await mkdtemp(join(tmpdir(), 'simulation-'))
  try {
    for (const path of ['src', 'package.json', 'tsconfig.json', 'test/simulation']) await cp(join(ROOT, path), join(directory, path), { recursive: true })
    await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
    const file = join(directory, mutation.file)
    const parts = (await readFile(file, 'utf8')).split(mutation.search)
    if (parts.length !== 2) return { mutation, result: `the text is there ${parts.length - 1} times`, isSeen: false }
    await writeFile(file, parts.join(mutation.replacement))
    const { failures: [failure] } = await runShare(directory, ['--count', String(count), '--stop'])
    if (failure !== undefined) return { mutation, result: `seed ${failure.seed}: ${describe(failure)}`, isSeen: true }
    // Faults that need several rare things at once.
    const { failures: [known] } = await runShare(directory, ['--regressions', '--stop'])
    if (known === undefined) return { mutation, result: `not seen by ${count} seeds, nor by a regression`, isSeen: false }
    const { name } = REGRESSIONS.find(({ plan }) => plan.seed === known.seed)!
    return { mutation, result: `regression "${name}": ${describe(known)}`, isSeen: true }
  } catch (error) {
    return { mutation, result: (error as Error).message.slice(0, 200), isSeen: false }
  } finally {
    await rm(directory, { recursive: true })
  }
}

function describe ({ rule, message }: Failure): string {
  return `[${rule}] ${message.split('\n', 1)[0]}`
}
