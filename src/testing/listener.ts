import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'

/** A server on loopback with a handler of web requests. */
export interface Listener {
  readonly origin: string
  /** Sets the handler. Until then, the server responds with 503. */
  serve (handle: (request: Request) => Promise<Response>): void
  close (): Promise<void>
}

/** Listens on a free port. */
export async function listen (): Promise<Listener> {
  let handle = async (_request: Request): Promise<Response> => new Response(null, { status: 503 })
  const server = createServer((incoming, outgoing) => { answer(incoming, outgoing, handle).catch(() => { outgoing.destroy() }) })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  // The process of a test that does not close the server can still exit.
  server.unref()
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    serve (given) { handle = given },
    async close () {
      server.closeAllConnections()
      await new Promise((resolve) => { server.close(resolve) })
    }
  }
}

async function answer (incoming: IncomingMessage, outgoing: ServerResponse, handle: (request: Request) => Promise<Response>): Promise<void> {
  const { method = 'GET', url = '/', headers } = incoming
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const response = await handle(new Request(new URL(url, `http://${headers.host}`), {
    method,
    headers: Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one ?? ''])),
    ...(hasBody && { body: Readable.toWeb(incoming) as ReadableStream<Uint8Array>, duplex: 'half' })
  }))
  outgoing.writeHead(response.status, [...response.headers].flat())
  outgoing.end(Buffer.from(await response.arrayBuffer()))
}
