// The failure semantics of design §3 over random schedules: real code on simulated machines and databases, in virtual time.
// SEEDS sets how many seeds are run, FROM the first of them.
import { test } from 'tap'
import { historyOf, runRegressions, runSeeds } from '../simulation/pool.ts'
import { REGRESSIONS } from '../simulation/regressions.ts'

const SEEDS = Number(process.env['SEEDS'] ?? 200)
const FROM = Number(process.env['FROM'] ?? 1)
// A fault that is drawn in one of ten seeds is met by a hundred of them, however unlucky.
const ENOUGH = 200

const FAULTS = [
  'cut', 'flaky', 'slow', 'suspend', 'kill', 'restart', 'clock step', 'database clock step', 'failover', 'unfenced failover', 'backup', 'restore', 'stale replica',
  'change options', 'dying writer', 'pausing writer', 'network', 'command', 'write-back', 'token of 0.1.0',
  'clock skew', 'opaque tokens', 'guard without the registry', 'flow without the registry', 'hop by introspection', 'hop by JWKS', 'second database', 'silence', 'silence of an hour',
  'call failed', 'call answer lost', 'call applied later', 'call late', 'call hanging'
]
const OUTCOMES = [
  'access: accepted', 'access: revoked', 'access: rejected', 'access: unavailable', 'token request: granted', 'token request: invalid_client 401',
  'token request: temporarily_unavailable 503', 'assertion: granted', 'assertion: invalid_client 401', 'disable: done', 'remove: done', 'revoke tokens: done',
  'revoke all: done', 'revoke token: done', 'revoke secret: done', 'revoke key: done'
]

test(`${SEEDS} seeds keep what is promised of revocation, availability, history, success and exactly-once`, { timeout: 86_400_000 }, async (t) => {
  const { report, failures, milliseconds } = await runSeeds(FROM, SEEDS)
  t.comment(`${String(report)}\n${milliseconds.toFixed(1)} ms of CPU a seed`)
  for (const { seed, rule, message } of failures) t.comment(`Seed ${seed}: [${rule}] ${message}`)
  if (failures[0] !== undefined) t.comment(await historyOf(failures[0].seed))
  t.same(failures, [])
  // A simulation that meets nothing, or in which everything is rejected, proves nothing.
  if (SEEDS < ENOUGH) return
  for (const fault of FAULTS) t.ok(report.seedsWith(fault) > 0, `some seed meets: ${fault}`)
  for (const outcome of OUTCOMES) t.ok(report.outcome(outcome) > 0, `some request ends as: ${outcome}`)
  t.ok(report.outcome('access: accepted') > report.outcome('access: unavailable'), 'most valid tokens are accepted')
  // H: of several processes that notice a loss, one writes, and the others find it done: each waits for a random time, and
  // reads again before it writes. Two may meet all the same.
  t.ok(report.outcome('entries written back') <= 1.5 * report.outcome('entries lost') + 5, 'what was lost is written back once')
})

test('what has failed once fails no longer', async (t) => {
  const failures = await runRegressions()
  for (const { name, plan } of REGRESSIONS) t.notOk(failures.find(({ seed }) => seed === plan.seed), name)
})
