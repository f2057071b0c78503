// Runs seeds from the command line, and shows what they have met:
//   node --import tsx test/simulation/main.ts [--from N] [--count N] [--stop] [--json]
//   node --import tsx test/simulation/main.ts --seed N [--shrink] [--trace]
//   node --import tsx test/simulation/main.ts --regressions [--json]
import './globals.ts'
import { parseArgs } from 'node:util'
import { planOf } from './plan.ts'
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
    // Ends with the first seed that fails.
    stop: { type: 'boolean', default: false },
    // Runs the plans that have failed once.
    regressions: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false }
  }
})
const first = Number(values.seed ?? values.from)
const plans = values.regressions ? REGRESSIONS.map(({ plan }) => plan) : undefined
const count = plans?.length ?? (values.seed === undefined ? Number(values.count) : 1)
const report = new Report()
const failures: Array<{ seed: number, rule: string, message: string }> = []
const begunAt = process.hrtime.bigint()
const say = (text: string): void => { if (!values.json) process.stdout.write(`${text}\n`) }

for (let number = 0; number < count && !(values.stop && failures.length > 0); number++) {
  const plan = plans?.[number] ?? planOf(first + number)
  const outcome = await runPlan(plan, { isTraced: values.trace })
  report.add(outcome.report)
  if (values.trace) say(outcome.report.trace.join('\n'))
  const [violation] = outcome.violations
  if (violation === undefined) continue
  failures.push({ seed: plan.seed, rule: violation.rule, message: violation.message })
  say(values.shrink ? await describe(await shrink(outcome)) : `Seed ${plan.seed}: [${violation.rule}] ${violation.message}`)
}

const { user, system } = process.cpuUsage()
const milliseconds = { wall: Number(process.hrtime.bigint() - begunAt) / 1e6, cpu: (user + system) / 1000 }
if (values.json) process.stdout.write(JSON.stringify({ report, failures, milliseconds }))
say(`${String(report)}\n${failures.length} seeds failed: ${failures.map(({ seed }) => seed).join(' ')}`)
say(`${(milliseconds.wall / report.seeds).toFixed(1)} ms, and ${(milliseconds.cpu / report.seeds).toFixed(1)} ms of CPU, a seed`)
if (failures.length > 0) process.exitCode = 1
