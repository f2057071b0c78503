import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { needCommand, REDIS } from './debian.ts'
import { runServer } from './server.ts'
import type { Server } from './server.ts'

/** How a Redis is run. */
export interface RedisOptions {
  /** Keeps its data when it is stopped or killed. True when left out. */
  isPersistent?: boolean
  /** More arguments of redis-server. */
  args?: readonly string[]
}

/** Starts the redis-server of the machine, empty. The caller closes it. */
export function runRedis ({ isPersistent = true, args = [] }: RedisOptions = {}): Promise<Server> {
  const file = needCommand(REDIS)
  return runServer({
    command: (folder, port) => [
      file, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', isPersistent ? 'yes' : 'no',
      '--repl-diskless-sync-delay', '0', ...args
    ],
    ready: 'Ready to accept connections',
    stopSignal: 'SIGTERM',
    url: (port) => `redis://127.0.0.1:${port}`
  })
}

/** Starts a Redis for one test. */
export async function startRedis (t: Test, options?: RedisOptions): Promise<Server> {
  const server = await runRedis(options)
  t.teardown(() => server.close())
  return server
}

/** Disconnects a client at the end of a test, and lets its errors pass. */
export function closing<Client extends { on (event: 'error', listener: () => void): unknown, disconnect (): void }> (t: Test, client: Client): Client {
  client.on('error', () => {})
  t.teardown(() => { client.disconnect() })
  return client
}

/** Returns a client that connects again soon, however often that fails. */
export function impatient (t: Test, url: string): Redis {
  return closing(t, new Redis(url, { retryStrategy: () => 20 }))
}

/** Reads one value of INFO. */
export async function infoOf (client: Redis, name: string): Promise<string> {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(await client.info())![1]!
}

/** Makes a Redis the replica of another one, and waits until it has all of its data, on disk too: before, it ignores SIGTERM. */
export async function follow (replica: Redis, { port }: Server): Promise<void> {
  await replica.replicaof('127.0.0.1', port)
  const states = () => Promise.all(['master_link_status', 'aof_rewrite_in_progress', 'aof_rewrite_scheduled'].map((name) => infoOf(replica, name)))
  while (String(await states()) !== 'up,0,0') await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Forms a cluster of these nodes, each with an equal part of the slots. */
export async function formCluster (nodes: readonly Server[]): Promise<void> {
  const clients = nodes.map(({ url }) => new Redis(url))
  const slots = 16384 / nodes.length
  for (const [index, client] of clients.entries()) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', String(Math.ceil(index * slots)), String(Math.ceil((index + 1) * slots) - 1))
    await client.call('CLUSTER', 'MEET', '127.0.0.1', String(nodes[0]!.port))
  }
  for (const client of clients) {
    while (!/cluster_state:ok[^]*cluster_slots_ok:16384/.test(String(await client.call('CLUSTER', 'INFO')))) await new Promise((resolve) => setTimeout(resolve, 5))
    client.disconnect()
  }
}

/** A wire to a server: an address that can be moved to another one. */
export interface Wire {
  readonly url: string
  /** How many times it was cut before an answer. */
  readonly cuts: number
  /** Cuts the connection after the next command went through, before its answer comes back. */
  cutBeforeAnswer (): void
  /** Cuts all connections, and leads new ones to another server. */
  leadTo (server: Server): void
}

/** Starts a wire to a server. */
export async function startWire (t: Test, server: Server): Promise<Wire> {
  let { port } = server
  let isToCut = false
  let cuts = 0
  const sockets = new Set<Socket>()
  const wire = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    const end = () => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', end).on('close', end)
    }
    near.pipe(far)
    far.on('data', (answer) => {
      if (!isToCut) {
        near.write(answer)
        return
      }
      isToCut = false
      cuts++
      end()
    })
  }).listen(0, '127.0.0.1')
  const cutAll = () => sockets.forEach((socket) => { socket.destroy() })
  t.teardown(() => {
    cutAll()
    wire.close()
  })
  await once(wire, 'listening')
  return {
    url: `redis://127.0.0.1:${(wire.address() as AddressInfo).port}`,
    get cuts () { return cuts },
    cutBeforeAnswer: () => { isToCut = true },
    leadTo: (other) => {
      port = other.port
      cutAll()
    }
  }
}
