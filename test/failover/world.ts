// Everything that runs in a test of failovers.
import { join } from 'node:path'
import pg from 'pg'
import { ClientRegistry, SigningKeys } from '../../src/index.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { quietPort } from './database-node.ts'
import type { Order, Outcome } from './messages.ts'
import { carryOut } from './orders.ts'
import { PostgresPair } from './postgres-pair.ts'
import { RedisPair } from './redis-pair.ts'
import { ServerProcess } from './server-process.ts'
import { KEY_TIMES } from './settings.ts'
import { TcpProxy } from './tcp-proxy.ts'

const AUDIENCE = 'https://api.example.com'
const RESOURCE_SERVER = 'resource-server'

/** Two servers on PostgreSQL and Redis, and a resource server elsewhere, each behind addresses that stay the same. */
export class World {
  readonly postgres: PostgresPair
  readonly redis: RedisPair
  readonly postgresProxy: TcpProxy
  readonly redisProxy: TcpProxy
  readonly issuerProxy: TcpProxy
  readonly servers: readonly [ServerProcess, ServerProcess]
  readonly resourceServer: ServerProcess
  readonly #pool: pg.Pool

  private constructor (parts: Pick<World, 'postgres' | 'redis' | 'postgresProxy' | 'redisProxy' | 'issuerProxy' | 'servers' | 'resourceServer'>, pool: pg.Pool) {
    this.postgres = parts.postgres
    this.redis = parts.redis
    this.postgresProxy = parts.postgresProxy
    this.redisProxy = parts.redisProxy
    this.issuerProxy = parts.issuerProxy
    this.servers = parts.servers
    this.resourceServer = parts.resourceServer
    this.#pool = pool
  }

  /** @param logs a folder for the logs of the servers. Default none */
  static async start (logs?: string): Promise<World> {
    const [postgres, redis] = await Promise.all([PostgresPair.start(), RedisPair.start()])
    const [postgresProxy, redisProxy, issuerProxy] = await Promise.all([TcpProxy.start(postgres.port), TcpProxy.start(redis.port), TcpProxy.start()])
    const pool = new pg.Pool({ host: '127.0.0.1', port: postgresProxy.port, user: 'postgres', database: 'postgres', max: 2, connectionTimeoutMillis: 2000, query_timeout: 2000 }).on('error', () => {})
    const issuer = `http://127.0.0.1:${issuerProxy.port}`
    const plan = { postgresPort: postgresProxy.port, redisPort: redisProxy.port, issuer, opaqueIssuer: `${issuer}/opaque`, audience: AUDIENCE }
    const { secret } = await new ClientRegistry(postgresStore(pool)).add({ id: RESOURCE_SERVER, introspects: [AUDIENCE] })
    const startServer = async (name: string) => await ServerProcess.startServer({ ...plan, name, ports: await twoPorts(), logFile: logs && join(logs, `${name}.log`) })
    const [resourceServer, ...servers] = await Promise.all([
      ServerProcess.startResourceServer({
        name: 'resource server', ports: await twoPorts(), issuer, audience: AUDIENCE, clientId: RESOURCE_SERVER, clientSecret: secret!.secret
      }),
      startServer('A'),
      startServer('B')
    ])
    const world = new World({ postgres, redis, postgresProxy, redisProxy, issuerProxy, servers, resourceServer }, pool)
    world.leadIssuerTo(...servers)
    return world
  }

  /** Whom the resource server reaches as the issuer. */
  leadIssuerTo (...servers: readonly ServerProcess[]): void {
    this.issuerProxy.leadTo(...servers.map(({ plan }) => plan.ports[0]))
  }

  /** A URL of PostgreSQL. @param port default the address that stays the same */
  databaseUrl (port = this.postgresProxy.port): string {
    return `postgres://postgres@127.0.0.1:${port}/postgres`
  }

  /** Carries out an order as a process that ends with it, such as the command line: it reads no entries, and holds nothing. */
  async administer (order: Order): Promise<Outcome> {
    const store = postgresStore(this.#pool)
    return await carryOut(order, { clients: new ClientRegistry(store), keys: new SigningKeys(store, KEY_TIMES) })
  }

  async close (): Promise<void> {
    await Promise.all([...this.servers, this.resourceServer].map(async (server) => { await server.kill() }))
    await this.#pool.end()
    for (const proxy of [this.postgresProxy, this.redisProxy, this.issuerProxy]) proxy.close()
    await Promise.all([this.postgres.close(), this.redis.close()])
  }
}

async function twoPorts (): Promise<[number, number]> {
  return [await quietPort(), await quietPort()]
}
