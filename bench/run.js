// Speed as ratios, all of a group from one run: node bench/run.js, after `npm run build` in the root and `npm ci` here.
//
// A round starts each contender of a group in turn as a server process, warms it up and asks it for some seconds, in an order
// that rotates from round to round, so that what else happens on the machine meets all alike.
// Servers have one core and the load generator another. One answer that is not 2xx fails the run.
//
//   BENCH_ROUNDS   how many rounds, default 5
//   BENCH_SECONDS  how long a contender is asked per round, default 1
//   BENCH_WARMUP   how long it is asked before that, default 3
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
const settings = { rounds: number('BENCH_ROUNDS', 5), seconds: number('BENCH_SECONDS', 1), warmup: number('BENCH_WARMUP', 3) }
const machine = { node: process.version, cpu: cpus()[0]?.model.trim(), cores: cpus().length, pinned }
const wanted = process.env.BENCH_GROUPS?.split(',')
const groups = GROUPS.filter(({ name }) => wanted?.includes(name) ?? true)

// In a process of its own, started for this one measurement and the only one then: with others beside it, one process in
// three needs a fifth more time for the same work, from its first request to its last.
async function measure ({ file, server: name, load }, { env, cores, generator }) {
  const server = await startServer({ file, server: name }, env, cores)
  // The generator has a core of its own, unless the server may use both.
  const asked = { port: server.port, load, settle: SETTLE, polls: pinned && cores !== 2 }
  try {
    await generator.ask({ ...asked, seconds: 0 })
    await generator.ask({ ...asked, seconds: settings.warmup })
    const from = performance.now()
    const before = await server.ask()
    const { all, failed, perSecond } = await generator.ask({ ...asked, seconds: settings.seconds })
    const after = await server.ask()
    if (failed > 0) throw new Error(`${failed} of ${all} answers were not 2xx`)
    const cpu = after.cpu - before.cpu
    const share = cpu / 1000 / (performance.now() - from)
    return { perSecond, cpu: cpu / all, loop: (after.loop - before.loop) / all, share }
  } finally {
    await server.stop()
  }
}

function rotated (list, by) {
  const at = by % list.length
  return [...list.slice(at), ...list.slice(0, at)]
}

async function playGroup (group, env, generator) {
  const rounds = []
  for (let round = 0; round < settings.rounds; round++) {
    const figures = {}
    for (const contender of rotated(group.contenders, round)) figures[contender.name] = await measure(contender, { env, cores: group.cores, generator })
    rounds.push(figures)
  }
  return { ...summarize(group, rounds), machine, settings }
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
  await generator.stop()
}
