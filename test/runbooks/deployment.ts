// A deployment of stage 3: PostgreSQL with a standby, Redis with a replica, two servers, one resource server elsewhere.
import { closeConnections, presentToken, requestToken, send } from '../failover/http.ts'
import type { Answer } from '../failover/http.ts'
import { WRITTEN_BACK_WITHIN } from '../failover/settings.ts'
import { delay, now, until } from '../failover/time.ts'
import { World } from '../failover/world.ts'

/** A client with a secret that is valid. */
export interface Credentials { readonly id: string, readonly secret: string }
export interface Tokens { readonly jwt: string, readonly opaque: string }

/** Where something is presented again and again, and how it is answered. */
export interface Place { readonly name: string, readonly present: () => Promise<Answer> }

/** When each place has accepted for the last time. */
export interface Observation { readonly name: string, readonly lastAcceptedAt: number, readonly isRejected: boolean }

const PAUSE = 20

export class Deployment {
  readonly world: World
  /** The environment of the commands. */
  readonly variables: Record<string, string>

  private constructor (world: World) {
    this.world = world
    this.variables = { OAUTH_STORE: world.databaseUrl(), OAUTH_REVOCATIONS: `redis://127.0.0.1:${world.redisProxy.port}` }
  }

  static async start (): Promise<Deployment> {
    const world = await World.start()
    await world.postgres.synchronize(false)
    return new Deployment(world)
  }

  async close (): Promise<void> {
    closeConnections()
    await this.world.close()
  }

  async addClient (id: string): Promise<Credentials> {
    const { secret } = await this.world.administer({ order: 'add', id })
    return { id, secret: secret! }
  }

  /** Gets a signed and an opaque token, from server A or B. */
  async tokensOf ({ id, secret }: Credentials, server: 0 | 1 = 0): Promise<Tokens> {
    const [jwt, opaque] = await Promise.all(this.world.servers[server]!.plan.ports.map(async (port) => (await requestToken(port, id, secret)).token))
    if (jwt === undefined || opaque === undefined) throw new Error(`${id} gets no tokens`)
    return { jwt, opaque }
  }

  /** The servers, each with both tokens. */
  placesOf ({ jwt, opaque }: Tokens): Place[] {
    return this.world.servers.flatMap(({ name, plan: { ports } }) => [
      { name: `signed token at ${name}`, present: async () => await presentToken(ports[0], jwt) },
      { name: `opaque token at ${name}`, present: async () => await presentToken(ports[1], opaque) }
    ])
  }

  /** The token endpoints of the servers. */
  secretPlacesOf ({ id, secret }: Credentials): Place[] {
    return this.world.servers.map(({ name, plan: { ports } }) => ({ name: `secret at ${name}`, present: async () => await requestToken(ports[0], id, secret) }))
  }

  /** The admin API of the servers. */
  adminPlacesOf (token: string): Place[] {
    return this.world.servers.map(({ name, plan: { ports } }) => {
      return { name: `admin token at ${name}`, present: async () => await send(ports[0], '/admin/clients', { headers: { authorization: `Bearer ${token}` } }) }
    })
  }

  /** The resource server elsewhere. */
  async presentElsewhere (token: string, by: 'introspection' | 'jwks'): Promise<number> {
    return (await presentToken(this.world.resourceServer.plan.ports[by === 'introspection' ? 0 : 1], token)).status
  }

  /** Starts the resource server anew: it has cached nothing, and its clock is right. */
  async restartResourceServer (): Promise<void> {
    await this.world.resourceServer.kill()
    await this.world.resourceServer.start()
  }

  /** Waits until a client is disabled in the database, by a server that has written that back. @throws Error if none does so in time */
  async writtenBack (clientId: string): Promise<void> {
    await until(`client ${clientId} is written back`, async () => {
      const [row] = await this.world.postgres.query(`SELECT body FROM oauth_clients WHERE id = '${clientId}'`)
      return row !== undefined && (JSON.parse(String(row['body'])) as { isDisabled?: boolean }).isDisabled === true
    }, WRITTEN_BACK_WITHIN)
  }

  /** The statuses of all places. */
  async statusesOf (places: readonly Place[]): Promise<number[]> {
    return await Promise.all(places.map(async ({ present }) => (await present()).status))
  }

  /**
   * Presents something all the time while work is done, and afterwards until every place rejects it, at most for a while.
   *
   * @param limit milliseconds after the work
   * @returns with `endedAt`: when the work was done
   */
  async observe<T> (places: readonly Place[], work: () => Promise<T>, limit = 3000): Promise<{ result: T, observations: Observation[], endedAt: number }> {
    let endedAt = Infinity
    const observing = places.map(async ({ name, present }): Promise<Observation> => {
      let lastAcceptedAt = -Infinity
      for (;;) {
        const { status, sentAt } = await present()
        if (status === 200) lastAcceptedAt = sentAt
        else if (sentAt > endedAt) return { name, lastAcceptedAt, isRejected: status === 401 }
        if (now() > endedAt + limit) return { name, lastAcceptedAt, isRejected: false }
        await delay(PAUSE)
      }
    })
    try {
      const result = await work()
      endedAt = now()
      return { result, observations: await Promise.all(observing), endedAt }
    } finally {
      endedAt = Math.min(endedAt, now())
    }
  }
}
