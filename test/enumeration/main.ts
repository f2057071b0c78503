// Measures whether the time of a rejection tells that a client exists: the area under the ROC curve, 0.5 for no difference, 1 for always.
//   npm run enumeration                       100,000 samples per class
//   SAMPLES=2000 npm run enumeration          fewer
//   STORES=memory METHODS=basic DELAY=0 …     one store, one method, another delay of rejections
// Exits with status 1 above 0.55, in either direction. Wants a quiet machine: what else runs adds noise, which hides differences.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { fileURLToPath } from 'node:url'
import { makeCertificate } from '../support/certificates.ts'
import { runPostgres } from '../support/postgres.ts'
import { KNOWN, KNOWN_WITH_SCOPES, METHODS, requestOf, UNKNOWN, UNKNOWN_TOO } from './classes.ts'
import type { Method, Sent } from './classes.ts'

const LIMIT = 0.55
const SAMPLES = Number(process.env.SAMPLES ?? 100_000)
const PARALLEL = Number(process.env.PARALLEL ?? 32)
const STORES = (process.env.STORES ?? 'memory,sqlite,postgres').split(',')
const methods = (process.env.METHODS?.split(',') ?? METHODS) as Method[]
// Milliseconds after which a request is made anew: assertions expire.
const RENEW_AFTER = 60_000
const CLASSES = { unknown: UNKNOWN, 'unknown too': UNKNOWN_TOO, known: KNOWN, 'known, 1,000 scopes': KNOWN_WITH_SCOPES }
type Name = keyof typeof CLASSES

const { cert, key } = makeCertificate()
let isOver = false
for (const store of STORES) {
  const postgres = store === 'postgres' ? await runPostgres() : undefined
  const url = { memory: 'memory', sqlite: 'sqlite::memory:', postgres: postgres?.url ?? '' }[store]
  if (url === undefined) throw new TypeError(`There is no store ${store}. Name memory, sqlite or postgres`)
  const server = fork(fileURLToPath(new URL('server.ts', import.meta.url)), [url, process.env.DELAY ?? ''])
  const [address] = await once(server, 'message') as [string]
  try {
    for (const method of methods) report(store, method, await measure(address, method))
  } finally {
    server.disconnect()
    await once(server, 'exit')
    await postgres?.close()
  }
}
if (isOver) process.exitCode = 1

/** Sends the requests of all classes in random order, some at a time, and returns their milliseconds. */
async function measure (address: string, method: Method): Promise<Map<Name, Float64Array>> {
  const names = Object.keys(CLASSES) as Name[]
  const times = new Map(names.map((name) => [name, new Float64Array(SAMPLES)]))
  const counts = new Map(names.map((name) => [name, 0]))
  const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL, rejectUnauthorized: false, ...(method === 'mtls' && { cert, key }) })
  let sent = new Map<Name, Sent>()
  let madeAt = -Infinity
  const work = async () => {
    for (;;) {
      if (performance.now() - madeAt > RENEW_AFTER) {
        madeAt = performance.now()
        sent = new Map(names.map((name) => [name, requestOf(method, CLASSES[name])]))
      }
      const open = names.filter((name) => counts.get(name)! < SAMPLES)
      if (open.length === 0) return
      const name = open[Math.floor(Math.random() * open.length)]!
      const index = counts.get(name)!
      counts.set(name, index + 1)
      times.get(name)![index] = await time(address, agent, sent.get(name)!)
    }
  }
  // Code that has not run yet is slower.
  await Promise.all(Array.from({ length: 200 }, (_, index) => time(address, agent, requestOf(method, CLASSES[names[index % names.length]!]))))
  await Promise.all(Array.from({ length: PARALLEL }, work))
  agent.destroy()
  return times
}

function time (address: string, agent: Agent, { headers, body }: Sent): Promise<number> {
  return new Promise((resolve, reject) => {
    const begunAt = performance.now()
    request(`${address}/token`, { method: 'POST', agent, headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } }, (response) => {
      if (response.statusCode !== 401) reject(new Error(`The status is ${response.statusCode}`))
      response.resume().on('end', () => { resolve(performance.now() - begunAt) })
    }).on('error', reject).end(body)
  })
}

function report (store: string, method: Method, times: Map<Name, Float64Array>): void {
  const unknown = times.get('unknown')!
  for (const [name, list] of times) {
    if (list === unknown) continue
    const area = areaUnderCurve(unknown, list)
    if (Math.max(area, 1 - area) > LIMIT) isOver = true
    console.log([store.padEnd(9), method.padEnd(10), name.padEnd(20), `AUC ${area.toFixed(4)}`, `median ${median(list).toFixed(3)} ms, of unknown ${median(unknown).toFixed(3)} ms`, `${SAMPLES} samples`].join('  '))
  }
}

function median (list: Float64Array): number {
  return list.toSorted()[list.length >> 1]!
}

// Mann and Whitney: the chance that a sample of the second list took longer than one of the first.
function areaUnderCurve (first: Float64Array, second: Float64Array): number {
  const all = [...Array.from(first, (value) => [value, 0] as const), ...Array.from(second, (value) => [value, 1] as const)].sort(([a], [b]) => a - b)
  let ranks = 0
  all.forEach(([, list], index) => { if (list === 1) ranks += index + 1 })
  return (ranks - second.length * (second.length + 1) / 2) / (first.length * second.length)
}
