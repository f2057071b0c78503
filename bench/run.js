// Speed as ratios, all of a group from one run: node bench/run.js, after `npm run build` in the root and `npm ci` here.
//
// Every contender is a server process of its own, started once and warmed up. A round asks each of a group in turn for some
// seconds, in an order that rotates from round to round, so that what else happens on the machine meets all alike.
// Servers share one core and the load generator has another. One answer that is not 2xx fails the run.
//
//   BENCH_ROUNDS   how many rounds, default 12
//   BENCH_SECONDS  how long a contender is asked per round, default 1
//   BENCH_WARMUP   how long it is asked before the first, default 3
//   BENCH_GROUPS   which groups of contenders.js, default all of them
//   BENCH_PACKAGE  URL of the plugin's entry point, default that of ../dist: then nothing is written
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { GROUPS } from './contenders.js'
import { environmentOf, makeFixture } from './fixture.js'
import { pinned, start, startServer } from './processes.js'
import { format, summarize } from './report.js'
import { readResults, RESULTS } from './results.js'

const SETTLE = 0.2

const number = (name, fallback) => Number(process.env[name] ?? fallback)
const settings = { rounds: number('BENCH_ROUNDS', 12), seconds: number('BENCH_SECONDS', 1), warmup: number('BENCH_WARMUP', 3) }
const machine = { node: process.version, cpu: cpus()[0]?.model.trim(), cores: cpus().length, pinned }
const wanted = process.env.BENCH_GROUPS?.split(',')
const groups = GROUPS.filter(({ name }) => wanted?.includes(name) ?? true)

async function measure ({ load, server }, generator, { seconds, polls }) {
  const from = performance.now()
  const before = await server.ask()
  const { all, failed, perSecond } = await generator.ask({ port: server.port, load, seconds, settle: SETTLE, polls })
  const after = await server.ask()
  if (failed > 0) throw new Error(`${failed} of ${all} answers were not 2xx`)
  const cpu = after.cpu - before.cpu
  const share = cpu / 1000 / (performance.now() - from)
  return { perSecond, cpu: cpu / all, loop: (after.loop - before.loop) / all, share }
}

function rotated (list, by) {
  const at = by % list.length
  return [...list.slice(at), ...list.slice(0, at)]
}

async function playGroup (group, env, generator) {
  const contenders = []
  // It has a core of its own, unless the server may use both.
  const polls = pinned && group.cores !== 2
  try {
    for (const contender of group.contenders) contenders.push({ ...contender, server: await startServer(contender, env, group.cores) })
    for (const contender of contenders) {
      await generator.ask({ port: contender.server.port, load: contender.load, seconds: 0 })
      await measure(contender, generator, { seconds: settings.warmup, polls })
    }
    const rounds = []
    for (let round = 0; round < settings.rounds; round++) {
      const figures = {}
      for (const contender of rotated(contenders, round)) figures[contender.name] = await measure(contender, generator, { seconds: settings.seconds, polls })
      rounds.push(figures)
    }
    return { ...summarize(group, rounds), machine, settings }
  } finally {
    for (const { server } of contenders) server.stop()
  }
}

const env = environmentOf(makeFixture())
const generator = start('load.js', [], 1, env)
try {
  console.log(`Node ${machine.node}, ${machine.cores} cores of ${machine.cpu}; ${settings.rounds} rounds of ${settings.seconds} s`)
  if (!pinned) console.log('NOTE  server and load generator are not kept to cores of their own: taskset or a second core is missing')
  for (const group of groups) {
    const summary = await playGroup(group, env, generator)
    console.log(`\n${format(summary)}`)
    if (process.env.BENCH_PACKAGE !== undefined) continue
    // What was not measured again stays.
    const known = readResults()
    const results = GROUPS.flatMap(({ name }) => name === group.name ? summary : known.find((other) => other.name === name) ?? [])
    writeFileSync(RESULTS, `${JSON.stringify(results, null, 1)}\n`)
  }
} finally {
  generator.stop()
}
