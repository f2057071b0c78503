// The overhead of the client library for a call with a cached token, against the same fetch called directly with the header
// set by hand. Paired: blocks of both alternate in one process. Run it by: npm run bench:client
import { createServer } from 'node:http'
import { once } from 'node:events'
import { fetch as undiciFetch } from 'undici'
import { oauthClient } from '../dist/src/client/index.js'

const ROUNDS = Number(process.env.ROUNDS ?? 60)

const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(request.url === '/token' ? '{"access_token":"token","token_type":"Bearer","expires_in":3600}' : '{}')
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const origin = `http://127.0.0.1:${server.address().port}`
const url = `${origin}/data`

const answer = new Response(null)
const nothing = async () => answer
const clientWith = async (send) => {
  const client = oauthClient({ issuer: origin, tokenEndpoint: `${origin}/token`, clientId: 'bench', clientSecret: 'secret', allowedOrigins: [origin], fetch: (...values) => current(...values) })
  let current = undiciFetch
  await client.token()
  current = send
  return client
}
const init = () => ({ headers: { accept: 'application/json' } })
const withToken = () => ({ headers: { accept: 'application/json', authorization: 'Bearer token' } })

async function measure (call, count) {
  // CPU time of this process, which other load on the machine does not move as much.
  const start = process.cpuUsage()
  for (let index = 0; index < count; index++) await call()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / count
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

async function compare (name, ours, bare, count) {
  await measure(ours, count)
  await measure(bare, count)
  const [differences, ratios, controls] = [[], [], []]
  for (let round = 0; round < ROUNDS; round++) {
    const isFirst = round % 2 === 0
    const first = await measure(isFirst ? ours : bare, count)
    const second = await measure(isFirst ? bare : ours, count)
    const control = await measure(bare, count)
    const [own, plain] = isFirst ? [first, second] : [second, first]
    differences.push(own - plain)
    ratios.push(own / plain)
    controls.push(control - plain)
  }
  console.log(`${name}: ${median(differences).toFixed(2)} us of CPU more per call, ratio ${median(ratios).toFixed(3)} (A/A control ${median(controls).toFixed(2)} us)`)
}

const inMemory = await clientWith(nothing)
await compare('without a network', () => inMemory.fetch(url, init()), () => nothing(url, withToken()), 5000)
const onSocket = await clientWith(undiciFetch)
await compare('undici fetch on loopback', async () => await (await onSocket.fetch(url, init())).text(), async () => await (await undiciFetch(url, withToken())).text(), 100)
server.close()
server.closeAllConnections()
