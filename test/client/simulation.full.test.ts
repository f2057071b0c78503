// The client library in virtual time: random latencies, failures, clocks, aborts, revocations and rotations. More seeds: npm run simulate:client
import t from 'tap'
import { simulate } from './simulation.ts'

const SEEDS = 200

t.test('no expired token is sent, none to a foreign origin or another key, one token request is in flight, nothing rejects unhandled', async (t) => {
  let [calls, succeeded, tokenRequests] = [0, 0, 0]
  for (let seed = 1; seed <= SEEDS; seed++) {
    const outcome = await simulate(seed)
    calls += outcome.calls
    succeeded += outcome.succeeded
    tokenRequests += outcome.tokenRequests
    if (outcome.problems.length > 0) t.fail(`seed ${seed}: ${outcome.problems.join('; ')}`)
  }
  t.ok(succeeded > calls / 2, `${succeeded} of ${calls} calls succeeded, by ${tokenRequests} token requests`)
})
