// A platform that reads the body of a request before Fastify gets it, as Cloud Functions and Firebase do.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { Answer } from './demo.ts'

/** A request to which a platform adds what it has read. */
type ReadRequest = IncomingMessage & { body?: unknown, rawBody?: unknown }

/** How a platform leaves a request whose bytes it has read. */
export type Leave = (request: ReadRequest, bytes: Buffer) => void

export const rawOnly: Leave = (request, bytes) => { request.rawBody = bytes }
export const parsedForm: Leave = (request, bytes) => {
  const form = new URLSearchParams(String(bytes))
  request.body = Object.fromEntries([...form.keys()].map((name) => {
    const values = form.getAll(name)
    return [name, values.length > 1 ? values : values[0]]
  }))
}
export const parsedJson: Leave = (request, bytes) => { request.body = bytes.length === 0 ? {} : JSON.parse(String(bytes)) }

/** Starts a platform in front of an application. Its requests fail where they are not answered within five seconds. */
export async function startPlatform (t: Test, app: FastifyInstance, leave: Leave): Promise<(path: string, headers: Record<string, string>, body?: string | Buffer, method?: string) => Promise<Answer>> {
  await app.ready()
  const server = createServer((request, response) => {
    buffer(request).then((bytes) => {
      leave(request, bytes)
      app.routing(request, response)
    }).catch((error) => { response.destroy(error) })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return async (path, headers, body, method = 'POST') => {
    const answer = await fetch(`${origin}${path}`, { method, headers, ...(body !== undefined && { body }), signal: AbortSignal.timeout(5000) })
    return { statusCode: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() }
  }
}
