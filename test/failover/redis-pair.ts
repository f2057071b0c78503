import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { needCommand, REDIS } from '../support/debian.ts'
import { DatabaseNode, leash, quietPort } from './database-node.ts'
import { TcpProxy } from './tcp-proxy.ts'
import { delay, now, until } from './time.ts'

interface RedisNode { readonly port: number, readonly folder: string, readonly node: DatabaseNode, readonly client: Redis }

// Milliseconds between two questions whether the replica has everything.
const CONFIRM_EVERY = 15

/** A Redis primary and its replica, which change their roles at each failover. */
export class RedisPair {
  readonly #replication: TcpProxy
  #primary!: RedisNode
  #replica: RedisNode | undefined
  #confirmedAt = -Infinity
  #isConfirming = false
  #confirming: Promise<void> = Promise.resolve()

  private constructor (replication: TcpProxy) {
    this.#replication = replication
  }

  static async start (): Promise<RedisPair> {
    const pair = new RedisPair(await TcpProxy.start())
    pair.#primary = await startNode()
    await pair.addReplica()
    return pair
  }

  /** The port of the primary. */
  get port (): number {
    return this.#primary.port
  }

  /** A client of the primary, connected without a proxy. */
  get client (): Redis {
    return this.#primary.client
  }

  /** The replica has everything that was acknowledged before this moment (WAIT). */
  get confirmedAt (): number {
    return this.#confirmedAt
  }

  /** Asks all the time how far the replica is. */
  startConfirming (): void {
    if (this.#isConfirming) return
    this.#isConfirming = true
    this.#confirming = this.#confirm()
  }

  cutReplication (): void {
    this.#replication.leadTo()
  }

  /** Ends the primary with kill -9. */
  async killPrimary (): Promise<void> {
    this.#isConfirming = false
    const { node, client, folder } = this.#primary
    client.disconnect()
    await node.kill()
    await this.#confirming
    await rm(folder, { recursive: true, force: true })
  }

  /** Makes the replica the primary. */
  async promote (): Promise<void> {
    this.cutReplication()
    this.#primary = this.#replica!
    this.#replica = undefined
    await this.#primary.client.replicaof('NO', 'ONE')
    await until('Redis is promoted', async () => (await this.#primary.client.info('replication')).includes('role:master'))
  }

  /** Starts a new replica, and waits until it has everything. */
  async addReplica (): Promise<void> {
    this.#replication.leadTo(this.#primary.port)
    const replica = await startNode()
    this.#replica = replica
    await replica.client.replicaof('127.0.0.1', this.#replication.port)
    await until('the replica of Redis is connected', async () => (await replica.client.info('replication')).includes('master_link_status:up'))
  }

  async close (): Promise<void> {
    this.#isConfirming = false
    this.#replication.close()
    for (const { node, client, folder } of [this.#primary, this.#replica].filter((one) => one !== undefined)) {
      client.disconnect()
      await node.stop('SIGKILL')
      await rm(folder, { recursive: true, force: true, maxRetries: 10 })
    }
  }

  async #confirm (): Promise<void> {
    while (this.#isConfirming) {
      try {
        const begunAt = now()
        // Writes are replicated in their order: what was acknowledged before this one is where this one is.
        await this.client.set('failover:confirmed', String(begunAt))
        if (await this.client.wait(1, 200) >= 1) this.#confirmedAt = begunAt
      } catch {
        // The primary was killed.
      }
      await delay(CONFIRM_EVERY)
    }
  }
}

async function startNode (): Promise<RedisNode> {
  const file = needCommand(REDIS)
  const folder = await mkdtemp(join(tmpdir(), 'fastify-client-credentials-'))
  const port = await quietPort()
  const settings = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'yes', 'repl-diskless-sync-delay': 0, 'repl-timeout': 5 }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  const node = await DatabaseNode.start([...leash(), file, ...args], { cwd: folder, ready: 'Ready to accept connections' })
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50 })
  client.on('error', () => {})
  return { port, folder, node, client }
}
