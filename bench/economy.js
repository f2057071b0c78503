// What does a request cost the server that anybody can send, without credentials? CPU time of the server alone, in milliseconds, with
// the median of three rounds. Run it as `npm run economy`; `ROUNDS` and `REQUESTS` set its length, `DIST` names another build, such as
// that of an older release.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { fileURLToPath } from 'node:url'
import { expensiveRequests } from './economy-requests.js'
import { startServer } from './economy-server.js'

const REQUESTS = Number(process.env.REQUESTS ?? 200)
const ROUNDS = Number(process.env.ROUNDS ?? 3)
const PARALLEL = 8
const SHOWN = 20
// Milliseconds. A request whose answer never comes has a status, too.
const TIME_LIMIT = 2000

if (process.argv[2] === 'server') await startServer()
else await measureAll()

async function measureAll () {
  const server = fork(fileURLToPath(import.meta.url), ['server'])
  const [{ address, ...known }] = await once(server, 'message')
  const agent = new http.Agent({ keepAlive: true, maxSockets: PARALLEL })
  const cpu = async () => {
    server.send('cpu')
    return (await once(server, 'message'))[0]
  }
  const rows = []
  for (const { name, make } of expensiveRequests(known)) {
    const list = Array.from({ length: REQUESTS + PARALLEL }, make)
    const statuses = new Set(await Promise.all(list.slice(REQUESTS).map((request) => send(address, agent, request))))
    const costs = []
    for (let round = 0; round < ROUNDS; round++) {
      const before = await cpu()
      for (let i = 0; i < REQUESTS; i += PARALLEL) await Promise.all(list.slice(i, i + PARALLEL).map((request) => send(address, agent, request)))
      costs.push((await cpu() - before) / REQUESTS)
    }
    rows.push({ name, cost: costs.sort((a, b) => a - b)[ROUNDS >> 1], statuses: [...statuses].join(' ') })
  }
  agent.destroy()
  server.disconnect()
  rows.sort((a, b) => b.cost - a.cost)
  for (const { name, cost, statuses } of rows.slice(0, SHOWN)) console.log(`${cost.toFixed(3).padStart(8)} ms  ${statuses.padEnd(8)} ${name}`)
}

function send (address, agent, { method = 'GET', path, headers, body }) {
  return new Promise((resolve) => {
    http.request(address + path, { method, agent, headers, signal: AbortSignal.timeout(TIME_LIMIT) }, (response) => {
      response.resume().on('close', () => resolve(response.statusCode))
    }).on('error', ({ code }) => resolve(code)).end(body)
  })
}
