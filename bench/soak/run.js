// Whether it stays as it is: mixed load for half an hour, and the memory and the handles of the server meanwhile.
//
//   npm run soak
//   SOAK_MINUTES    how long, default 30
//   SOAK_LOOPS      how many at once, default 8
//   SOAK_STORES     sqlite, or servers for PostgreSQL and Redis, which need to be on the machine; default sqlite
//   SOAK_SNAPSHOTS  a folder for heap snapshots of the server after a quarter of the time and at the end; default none
//
// Every answer is compared with the one that must come: a wrong one fails the soak. So does a heap or a number of handles
// that grows over the second half. Too short a run is not judged by that.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { start } from '../processes.js'
import { prepare } from './scenarios.js'
import { growth, table } from './verdict.js'

const snapshots = process.env.SOAK_SNAPSHOTS
const minutes = Number(process.env.SOAK_MINUTES ?? 30)
const loops = Number(process.env.SOAK_LOOPS ?? 8)
const EVERY = Math.min(10_000, minutes * 60_000 / 20)
const KEY_REVOCATIONS = 6
// Minutes from which on a run tells whether anything grows.
const LONG = 10
const QUARTER = Math.round(minutes * 60_000 / EVERY / 4)

process.execArgv.push('--expose-gc')
const stores = process.env.SOAK_STORES ?? 'sqlite'
const databases = stores === 'servers' ? await startDatabases() : undefined
const server = start('soak/server.js', [], 0, { ...process.env, ...databases?.env, NODE_ENV: 'production' })
const [world] = await once(server.child, 'message')
if (minutes >= LONG) await server.ask({ deed: 'fill' })
const { scenarios, keyRevoked } = await prepare(world.port, world)

const total = scenarios.reduce((sum, { weight }) => sum + weight, 0)
const counts = { ...Object.fromEntries(scenarios.map(({ name }) => [name, 0])), keyRevocation: 0 }
const failures = []
const until = Date.now() + minutes * 60_000
// While a key is being revoked nobody can say which token is good.
let pausing
let isOver = false
server.child.once('exit', (code, signal) => { if (!isOver) failures.unshift(`the server ended with ${signal ?? code}`) })
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

async function revokeKey () {
  const kid = await server.ask({ deed: 'revokeOldestKey' })
  if (kid !== undefined) await keyRevoked(kid).then(() => { counts.keyRevocation++ }, (error) => { failures.push(`keyRevocation: ${error.stack}`) })
}

async function startDatabases () {
  const [{ runPostgres }, { runRedis }] = await Promise.all(['postgres', 'redis'].map((name) => import(`../../test/support/${name}.ts`)))
  const running = await Promise.all([runPostgres(), runRedis()])
  const [postgres, redis] = running
  return { env: { SOAK_POSTGRES: postgres.url, SOAK_REDIS: redis.url }, close: () => Promise.all(running.map((database) => database.close())) }
}

async function snapshot (name) {
  if (snapshots !== undefined && server.child.connected) await server.ask({ deed: 'snapshot', file: join(snapshots, `${name}.heapsnapshot`) })
}

const samples = []
async function watch () {
  const begun = Date.now()
  for (let number = 0; Date.now() < until && failures.length === 0; number++) {
    await alone(async () => {
      if (number % KEY_REVOCATIONS === KEY_REVOCATIONS - 1) await revokeKey()
      samples.push({ seconds: Math.round((Date.now() - begun) / 1000), ...await server.ask({ deed: 'measure' }) })
      if (number === QUARTER) await snapshot('quarter')
    })
    await new Promise((resolve) => setTimeout(resolve, EVERY))
  }
}

await Promise.all([watch(), ...Array.from({ length: loops }, loop)])
await snapshot('end')
isOver = true
server.stop()
await databases?.close()

const { lines, grown } = growth(samples)
console.log(table(samples))
console.log(`\n${Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ')}\n\n${lines.join('\n')}`)
for (const failure of failures) console.log(`FAILED ${failure}`)
for (const name of grown) console.log(`GROWN ${name}`)
writeFileSync(new URL(`results-${stores}.json`, import.meta.url), `${JSON.stringify({ stores, minutes, loops, counts, samples }, null, 2)}\n`)
const isGood = failures.length === 0 && grown.length === 0
console.log(isGood ? 'PASS  it stays as it is' : 'MISS  see above')
process.exit(isGood ? 0 : 1)
