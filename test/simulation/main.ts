// Runs seeds from the command line, and shows what they have met:
//   npm run simulate -- [--from N] [--count N]                        many seeds, on all cores
//   npm run simulate -- --seed N [--shrink] [--trace]                 one seed
//   npm run simulate -- --regressions                                 the plans that have failed once
//   npm run simulate -- --mutations [--count N] [--only TEXT]         proves that the simulation sees
import './globals.ts'
import { parseArgs } from 'node:util'
import { proveMutations } from './mutate.ts'
import { planOf } from './plan.ts'
import { runSeeds } from './pool.ts'
import type { Failure, Output } from './pool.ts'
import { REGRESSIONS } from './regressions.ts'
import { Report } from './report.ts'
import { runPlan } from './scenario.ts'
import { describe, shrink } from './shrink.ts'

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '200' },
    seed: { type: 'string' },
    // Prints everything that happens.
    trace: { type: 'boolean', default: false },
    // Looks for the smallest plan that fails alike, and prints its history.
    shrink: { type: 'boolean', default: false },
    regressions: { type: 'boolean', default: false },
    mutations: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    // What the processes of a run are started with: prints the results for the one that has started them.
    json: { type: 'boolean', default: false },
    stop: { type: 'boolean', default: false }
  }
})
const first = Number(values.seed ?? values.from)
const say = (text: string): void => { if (!values.json) process.stdout.write(`${text}\n`) }
const tell = ({ seed, rule, message }: Failure): void => { say(`Seed ${seed}: [${rule}] ${message}`) }

/** Runs plans in this process. */
async function runHere (): Promise<Output> {
  const plans = values.regressions ? REGRESSIONS.map(({ plan }) => plan) : undefined
  const count = plans?.length ?? (values.seed === undefined ? Number(values.count) : 1)
  const report = new Report()
  const failures: Failure[] = []
  for (let number = 0; number < count && !(values.stop && failures.length > 0); number++) {
    const plan = plans?.[number] ?? planOf(first + number)
    const outcome = await runPlan(plan, { isTraced: values.trace })
    report.add(outcome.report)
    if (values.trace) say(outcome.report.trace.join('\n'))
    const [violation] = outcome.violations
    if (violation === undefined) continue
    const failure = { seed: plan.seed, rule: violation.rule, message: violation.message }
    failures.push(failure)
    if (values.shrink) say(await describe(await shrink(outcome)))
    else tell(failure)
  }
  const { user, system } = process.cpuUsage()
  return { report: report.toJSON(), failures, milliseconds: { cpu: (user + system) / 1000 } }
}

/** Runs seeds in as many processes as there are cores. */
async function runEverywhere (): Promise<readonly Failure[]> {
  const begunAt = process.hrtime.bigint()
  const { report, failures, milliseconds } = await runSeeds(first, Number(values.count), { onFailure: tell })
  say(`${String(report)}\n${failures.length} of ${report.seeds} seeds failed: ${failures.map(({ seed }) => seed).join(' ')}`)
  say(`${(Number(process.hrtime.bigint() - begunAt) / 1e9).toFixed(1)} s, ${milliseconds.toFixed(1)} ms of CPU a seed`)
  return failures
}

if (values.mutations) {
  process.exitCode = await proveMutations({ count: Number(values.count), only: values.only }) ? 0 : 1
} else if (values.json) {
  process.stdout.write(JSON.stringify(await runHere()))
} else {
  const failures = values.seed === undefined && !values.regressions ? await runEverywhere() : (await runHere()).failures
  if (failures.length > 0) process.exitCode = 1
}
