import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'

// The fields that are meant for a rejected client only.
const FIELDS = ['www-authenticate', 'retry-after']
const rejections = new WeakMap<object, Readonly<Record<string, string>>>()

/** Records the header fields that a rejection has set on a reply. */
export function noteRejection (reply: object, headers: Readonly<Record<string, string>>): void {
  rejections.set(reply, headers)
}

/**
 * Removes the challenge of a rejection from a successful response, on a route whose guard is called by a function of the
 * application, or by `@fastify/auth`, that accepts the request by other credentials.
 */
export function retractChallenge (route: RouteOptions): void {
  route.onSend = [...[route.onSend ?? []].flat(), removeFields]
}

function removeFields (_request: FastifyRequest, reply: FastifyReply, payload: unknown, done: (error: null, payload: unknown) => void): void {
  const rejection = reply.statusCode < 400 ? rejections.get(reply) : undefined
  if (rejection !== undefined) {
    for (const name of FIELDS) if (reply.getHeader(name) === rejection[name]) reply.removeHeader(name)
  }
  done(null, payload)
}
