// The load generator, a process of its own: on { port, load, seconds, settle, polls } it answers with what it counted.
import { keepAsking } from './connection.js'
import { readFixture } from './fixture.js'
import { clientsLoad, LOADS } from './loads.js'
import { probe } from './probe.js'

const CONNECTIONS = 32
// A load of this name reads its clients from a file.
const CLIENTS = 'clients:'

const fixture = readFixture()
const loads = new Map()

function loadOf (name) {
  let load = loads.get(name)
  if (load === undefined) {
    load = { ...(name.startsWith(CLIENTS) ? clientsLoad(name.slice(CLIENTS.length)) : LOADS[name](fixture)), position: 0 }
    loads.set(name, load)
  }
  return load
}

async function tryOut (port, load) {
  // The first is used up where each is good once.
  load.position = 1
  await probe(port, load)
}

async function run (port, load, { seconds, settle, polls }) {
  const from = performance.now() + settle * 1000
  const until = from + seconds * 1000
  const counts = { all: 0, counted: 0, failed: 0 }

  function next () {
    if (performance.now() >= until) return undefined
    if (load.position === load.requests.length) load.position = 0
    return load.requests[load.position++]
  }
  function answered (status) {
    const now = performance.now()
    counts.all++
    if (status < 200 || status > 299) counts.failed++
    if (now >= from && now < until) counts.counted++
  }

  // Whoever writes to a process that sleeps has to wake it: with the load on a core of its own, that cost the server ten
  // microseconds of each request, or none.
  const stayAwake = () => { if (performance.now() < until) setImmediate(stayAwake) }
  if (polls) stayAwake()
  await Promise.all(Array.from({ length: CONNECTIONS }, () => keepAsking(port, next, answered)))
  return { ...counts, perSecond: counts.counted / seconds }
}

process.on('message', async ({ id, port, load: name, ...how }) => {
  try {
    const load = loadOf(name)
    process.send({ id, result: await (how.seconds === 0 ? tryOut(port, load) : run(port, load, how)) })
  } catch (error) {
    process.send({ id, error: `${name}: ${error.message}` })
  }
})
process.once('disconnect', () => process.exit())
