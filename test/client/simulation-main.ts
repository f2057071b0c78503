// Simulates the client library with many seeds: npm run simulate:client -- --count 10000 --from 1
import { parseArgs } from 'node:util'
import { simulate } from './simulation.ts'

const { values: { count, from } } = parseArgs({ options: { count: { type: 'string', default: '10000' }, from: { type: 'string', default: '1' } } })
const first = Number(from)
let [calls, tokenRequests, failures] = [0, 0, 0]
for (let seed = first; seed < first + Number(count); seed++) {
  const outcome = await simulate(seed)
  calls += outcome.calls
  tokenRequests += outcome.tokenRequests
  if (outcome.problems.length === 0) continue
  failures++
  console.log(`seed ${seed}: ${outcome.problems.join('; ')}`)
}
console.log(`${count} seeds, ${calls} calls, ${tokenRequests} token requests, ${failures} seeds with problems`)
process.exitCode = failures > 0 ? 1 : 0
