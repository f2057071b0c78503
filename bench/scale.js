// What many clients cost: token requests with 10, 10,000 and 1,000,000 clients in SQLite and PostgreSQL, as ratios to 10
// of one run, and the memory of the server. Then two processes over PostgreSQL and Redis against one, on both cores, which
// the load generators use too.
//
//   npm run bench:scale       needs a PostgreSQL on the machine; takes some ten minutes
//   SCALE_CLIENTS             the sizes, default 10,10000,1000000
//   BENCH_ROUNDS, BENCH_SECONDS, BENCH_WARMUP as in run.js
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { runPostgres } from '../test/support/postgres.ts'
import { runRedis } from '../test/support/redis.ts'
import { environmentOf, makeFixture, SCOPE } from './fixture.js'
import { start, startServer } from './processes.js'
import { median } from './report.js'
import { openStore } from './stores.js'

const { ClientRegistry } = await import(new URL('../dist/plugin/index.js', import.meta.url))

const REGISTERED = { file: 'servers/registered.js', server: 'registered' }
const BATCH = 1000
const ACTIVE = [10_000, 100_000]
const number = (name, fallback) => Number(process.env[name] ?? fallback)
const rounds = number('BENCH_ROUNDS', 8)
const seconds = number('BENCH_SECONDS', 2)
const warmup = number('BENCH_WARMUP', 5)
const sizes = (process.env.SCALE_CLIENTS ?? '10,10000,1000000').split(',').map(Number)

/** Fills a store with clients. Of those that will ask, spread over all, the credentials are written to files. */
async function fill (store, count, folder, name) {
  const registry = new ClientRegistry(store)
  const credentials = []
  for (let done = 0; done < count; done += BATCH) {
    const clients = Array.from({ length: Math.min(BATCH, count - done) }, () => ({ scopes: [SCOPE] }))
    for (const { id, secret } of await registry.addAll(clients)) credentials.push(`${id}:${secret.secret}`)
  }
  const sizesOfActive = count <= ACTIVE[0] ? [count] : ACTIVE.filter((active) => active <= count)
  return sizesOfActive.map((active) => {
    const file = join(folder, `${name}-${active}`)
    writeFileSync(file, Array.from({ length: active }, (_, index) => credentials[Math.floor(index * count / active)]).join('\n'))
    return { active, file }
  })
}

async function measure ({ server, load }, generator, duration) {
  const { all, failed, perSecond } = await generator.ask({ port: server.port, load, seconds: duration, settle: 0.2 })
  if (failed > 0) throw new Error(`${failed} of ${all} answers were not 2xx`)
  const { rss } = await server.ask()
  return { perSecond, rss }
}

const folder = mkdtempSync(join(tmpdir(), 'scale-'))
const postgres = await runPostgres()
const fixture = makeFixture()
const generator = start('load.js', [], 1, environmentOf(fixture))
const contenders = []
try {
  for (const kind of ['SQLite', 'PostgreSQL']) {
    for (const count of sizes) {
      const database = kind === 'SQLite' ? `sqlite:${join(folder, `${count}.db`)}` : await createDatabase(postgres.url, `scale_${count}`)
      const from = performance.now()
      const loads = await fill(await openStore(database), count, folder, `${kind}-${count}`)
      console.error(`${kind}: ${count} clients added in ${((performance.now() - from) / 1000).toFixed(1)} s`)
      for (const { active, file } of loads) {
        const server = await startServer(REGISTERED, environmentOf({ ...fixture, database }))
        contenders.push({ kind, count, active, server, load: `clients:${file}`, figures: [] })
      }
    }
  }
  for (const contender of contenders) await measure(contender, generator, warmup)
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) contender.figures.push(await measure(contender, generator, seconds))
    console.error(`round ${round + 1} of ${rounds}`)
  }
  for (const { kind, count, active, figures } of contenders) {
    const base = contenders.find((other) => other.kind === kind && other.count === sizes[0])
    const perSecond = median(figures.map((figure) => figure.perSecond))
    const ratio = median(figures.map((figure, round) => figure.perSecond / base.figures[round].perSecond))
    const rss = Math.max(...figures.map((figure) => figure.rss)) / 2 ** 20
    console.log(`${kind.padEnd(10)}  ${String(count).padStart(9)} clients, ${String(active).padStart(7)} active  ${Math.round(perSecond)} req/s  ratio ${ratio.toFixed(2)}  RSS ${Math.round(rss)} MB`)
  }
  for (const { server } of contenders) server.stop()
  await compareProcesses()
} finally {
  generator.stop()
  for (const { server } of contenders) server.stop()
  await postgres.close()
  rmSync(folder, { recursive: true })
}

async function compareProcesses () {
  const redis = await runRedis()
  const generators = [0, 1].map(() => start('load.js', [], '0,1', environmentOf(fixture)))
  const database = await createDatabase(postgres.url, 'processes')
  const [{ file }] = await fill(await openStore(database), sizes[0], folder, 'processes')
  const env = environmentOf({ ...fixture, database, redis: redis.url })
  const servers = [await startServer(REGISTERED, env, 2), await startServer(REGISTERED, env, 2)]
  const measureOn = async (first, second, duration) => {
    const figures = await Promise.all([first, second].map((server, index) => measure({ server, load: `clients:${file}` }, generators[index], duration)))
    return figures[0].perSecond + figures[1].perSecond
  }
  try {
    await measureOn(servers[0], servers[1], warmup)
    const ratios = []
    for (let round = 0; round < rounds; round++) {
      const one = await measureOn(servers[0], servers[0], seconds)
      ratios.push(await measureOn(servers[0], servers[1], seconds) / one)
    }
    console.log(`two processes against one, PostgreSQL and Redis: ratio ${median(ratios).toFixed(2)}`)
  } finally {
    for (const process of [...servers, ...generators]) process.stop()
    await redis.close()
  }
}

async function createDatabase (url, name) {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}
