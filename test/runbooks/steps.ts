// The steps of a runbook, and what each of them must have brought about.
import type { Test } from 'tap'
import { PROMISED } from '../failover/settings.ts'
import { delay } from '../failover/time.ts'
import type { Deployment, Place } from './deployment.ts'
import { runCommands } from './page.ts'
import type { CommandResult } from './page.ts'

/** Runs commands of a runbook. They must succeed. */
export function runIn (t: Test, deployment: Deployment, variables: Readonly<Record<string, string>>): (commands: string) => Promise<CommandResult> {
  return async (commands) => {
    const result = await runCommands(commands, { ...deployment.variables, ...variables })
    t.equal(result.status, 0, commands.trim(), { output: result.output })
    return result
  }
}

/** Checks that every place rejects what is presented there within a second after the work, and prints how long it took. */
export async function rejects<T> (t: Test, deployment: Deployment, { places, work }: { places: readonly Place[], work: () => Promise<T> }): Promise<T> {
  const { result, observations, endedAt } = await deployment.observe(places, work)
  const last = Math.max(...observations.map(({ lastAcceptedAt }) => lastAcceptedAt)) - endedAt
  t.comment(last === -Infinity ? 'nothing was accepted' : `the last of ${places.length} places has accepted for the last time ${Math.abs(last).toFixed(0)} ms ${last > 0 ? 'after' : 'before'} the command had ended`)
  for (const { name, lastAcceptedAt, isRejected } of observations) t.ok(isRejected && lastAcceptedAt <= endedAt + PROMISED, `${name} is rejected`)
  return result
}

/** The resource server is told of its clock by a message, which takes a moment. */
export async function eventually<T> (ask: () => Promise<T>, expected: unknown = 401): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const answer = await ask()
    if (JSON.stringify(answer) === JSON.stringify(expected) || attempt === 50) return answer
    await delay(20)
  }
}
