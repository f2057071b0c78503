// Requests from one process to another: the answers of a simulated authorization server, as fetch would return them.
import type { Fetch } from '../../src/http-client/fetch-json.ts'
import type { Host } from './host.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { World } from './world.ts'

/** What a server answers. */
export interface Reply { readonly status: number, readonly body: unknown, readonly headers?: Readonly<Record<string, string>> }

/** Answers a request. Runs in the process of the server. */
export type Serve = (url: URL, init: RequestInit) => Promise<Reply>

/** A request of a hop, and what it was answered: for what the hop may still accept. */
export interface Exchange {
  readonly path: string
  /** The form of the request. */
  readonly form: string
  readonly sentAt: number
  readonly endedAt: number
  /** Undefined without an answer. */
  readonly reply: Reply | undefined
}

export class Network {
  readonly #world: World
  /** Whether the authorization servers are reached. */
  isDown = false
  /** Milliseconds that a request or an answer takes: from, to. */
  latency: readonly [number, number] = [0.5, 30]

  constructor (world: World) {
    this.#world = world
  }

  /** The fetch of a process. @param servers those of which one answers */
  fetchOf (host: Host, servers: () => readonly SimulatedProcess[], exchanges: Exchange[]): Fetch {
    const world = this.#world
    return ((url: string, init: RequestInit = {}) => new Promise((resolve, reject) => {
      const sentAt = world.now
      let isOpen = true
      const end = (reply: Reply | undefined): void => {
        if (isOpen) exchanges.push({ path: new URL(url).pathname, form: String(init.body ?? ''), sentAt, endedAt: world.now, reply })
        isOpen = false
      }
      init.signal?.addEventListener('abort', () => {
        end(undefined)
        reject(init.signal?.reason)
      })
      const fail = (): void => {
        world.after(this.#latency(), host, () => {
          end(undefined)
          reject(new TypeError('fetch failed'))
        })
      }
      const running = servers().filter((server) => server.host.state !== 'dead')
      if (this.isDown || running.length === 0) return fail()
      const server = world.random.pick(running)
      world.after(this.#latency(), server.host, () => {
        server.serve(new URL(url), init).then((reply) => {
          world.after(this.#latency(), host, () => {
            end(reply)
            resolve(toResponse(reply))
          })
        }, fail)
      })
    })) as unknown as Fetch
  }

  #latency (): number {
    return this.#world.random.logarithmic(...this.latency)
  }
}

function toResponse ({ status, body, headers = {} }: Reply): unknown {
  const chunks = [Buffer.from(JSON.stringify(body))]
  return { status, ok: status === 200, headers: new Headers(headers), body: Object.assign(chunks, { async cancel () {} }) }
}
