import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A request as it arrived. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** How a server of a test answers. */
export type Answer = (received: Received, response: ServerResponse) => void | Promise<void>

/** A plain server on loopback that keeps what it received. */
export class PlainServer {
  readonly received: Received[] = []
  answer: Answer
  readonly #server: Server

  private constructor (answer: Answer) {
    this.answer = answer
    this.#server = createServer(async (request, response) => {
      const received = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: await text(request).catch(() => '') }
      this.received.push(received)
      await this.answer(received, response)
    })
  }

  static async start (answer: Answer = (_received, response) => { response.end('ok') }): Promise<PlainServer> {
    const server = new PlainServer(answer)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get origin (): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The bodies of the token requests that arrived. */
  get tokenRequests (): Received[] {
    return this.received.filter(({ path }) => path === '/token')
  }

  close (): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** Answers with JSON. */
export function json (response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** Answers as an authorization server: metadata, and tokens that are numbered. */
export function issuing (server: () => PlainServer, members: Record<string, unknown> = {}): Answer {
  let count = 0
  return ({ path }, response) => {
    if (path.startsWith('/.well-known/')) json(response, { issuer: server().origin, token_endpoint: `${server().origin}/token` })
    else json(response, { access_token: `token-${++count}`, token_type: 'Bearer', expires_in: 3600, ...members })
  }
}
