// Finds a smaller plan that fails by the same rule.
import type { Operation, Plan } from './plan.ts'
import { runPlan } from './scenario.ts'
import type { Outcome } from './scenario.ts'

// Runs, at most: the first failing plan is printed anyway.
const MAX_RUNS = 600

/** Leaves operations out, in ever smaller groups, and then processes, as long as the plan fails by the same rule. */
export async function shrink (failed: Outcome): Promise<Outcome> {
  const rule = failed.violations[0]?.rule
  let smallest = failed
  let runs = 0
  const attempt = async (plan: Plan): Promise<boolean> => {
    if (++runs > MAX_RUNS) return false
    const outcome = await runPlan(plan)
    const isFailing = outcome.violations[0]?.rule === rule
    if (isFailing) smallest = outcome
    return isFailing
  }
  // What comes behind the violation is never executed.
  const end = failed.violations[0]?.at ?? Infinity
  await attempt({ ...smallest.plan, operations: smallest.plan.operations.filter(({ at }) => at <= end) })
  for (let size = Math.ceil(smallest.plan.operations.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < smallest.plan.operations.length;) {
      const operations: Operation[] = smallest.plan.operations.toSpliced(from, size)
      if (!await attempt({ ...smallest.plan, operations })) from += size
    }
  }
  for (const change of [{ introspectors: 0 }, { jwksReaders: 0 }, { legacy: 0 }, { guards: 0 }, { servers: 1 }, { servers: 2 }, { clients: 1 }, { clients: 2 }, { skew: 0 }, { hasSecondDatabase: false }, { pageSize: 1000 }] as const) {
    await attempt({ ...smallest.plan, config: { ...smallest.plan.config, ...change } })
  }
  return smallest
}

/** Tells a failing run as a history. */
export async function describe ({ plan }: Outcome): Promise<string> {
  const { violations, report } = await runPlan(plan, { isTraced: true })
  return [
    `Seed ${plan.seed}: ${violations.map(({ rule, message, at }) => `[${rule}] at ${at.toFixed(0)} ms: ${message}`).join('; ')}`,
    `Config: ${JSON.stringify(plan.config)}`,
    `Operations: ${JSON.stringify(plan.operations)}, endsAt ${plan.endsAt.toFixed(0)}`,
    ...report.trace
  ].join('\n')
}
