// Whether it stays as it is: mixed load for half an hour, and the memory and the handles of the server meanwhile.
//
//   npm run soak
//   SOAK_MINUTES   how long, default 30
//   SOAK_LOOPS     how many at once, default 8
//
// Every answer is compared with the one that must come: a wrong one fails the soak. So does a heap or a number of handles
// that grows over the second half.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { start } from '../processes.js'
import { prepare } from './scenarios.js'
import { growth, table } from './verdict.js'

const minutes = Number(process.env.SOAK_MINUTES ?? 30)
const loops = Number(process.env.SOAK_LOOPS ?? 8)
const EVERY = Math.min(10_000, minutes * 60_000 / 20)
const KEY_REVOCATIONS = 6

process.execArgv.push('--expose-gc')
const server = start('soak/server.js', [], 0, { ...process.env, NODE_ENV: 'production' })
const [world] = await once(server.child, 'message')
const { scenarios, forgetTokens } = await prepare(world.port, world)

const total = scenarios.reduce((sum, { weight }) => sum + weight, 0)
const counts = Object.fromEntries(scenarios.map(({ name }) => [name, 0]))
const failures = []
const until = Date.now() + minutes * 60_000
// While a key is being revoked nobody can say which token is good.
let pausing
const playing = new Set()

function pick () {
  let at = Math.random() * total
  return scenarios.find(({ weight }) => (at -= weight) < 0) ?? scenarios[0]
}

async function loop () {
  while (Date.now() < until && failures.length === 0) {
    await pausing
    const { name, play } = pick()
    const played = play().then(() => { counts[name]++ }, (error) => { failures.push(`${name}: ${error.stack}`) })
    playing.add(played)
    await played
    playing.delete(played)
  }
}

async function alone (work) {
  let go
  pausing = new Promise((resolve) => { go = resolve })
  await Promise.all(playing)
  await work()
  pausing = undefined
  go()
}

const samples = []
async function watch () {
  const begun = Date.now()
  for (let number = 0; Date.now() < until && failures.length === 0; number++) {
    await alone(async () => {
      if (number % KEY_REVOCATIONS === KEY_REVOCATIONS - 1 && await server.ask({ deed: 'revokeOldestKey' }) !== undefined) forgetTokens()
      samples.push({ seconds: Math.round((Date.now() - begun) / 1000), ...await server.ask({ deed: 'measure' }) })
    })
    await new Promise((resolve) => setTimeout(resolve, EVERY))
  }
}

await Promise.all([watch(), ...Array.from({ length: loops }, loop)])
server.stop()

const { lines, grown } = growth(samples)
console.log(table(samples))
console.log(`\n${Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ')}\n\n${lines.join('\n')}`)
for (const failure of failures) console.log(`FAILED ${failure}`)
writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify({ minutes, loops, counts, samples }, null, 2)}\n`)
const isGood = failures.length === 0 && !grown
console.log(isGood ? 'PASS  it stays as it is' : 'MISS  see above')
process.exit(isGood ? 0 : 1)
