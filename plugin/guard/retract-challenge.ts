import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'

// The fields that are meant for the rejected client alone.
const FIELDS = ['www-authenticate', 'retry-after']
const rejections = new WeakMap<object, Readonly<Record<string, string>>>()

/** Notes the header fields that a rejection has put on a reply. */
export function noteRejection (reply: object, headers: Readonly<Record<string, string>>): void {
  rejections.set(reply, headers)
}

/**
 * Removes the challenge of a rejection from an answer that is no error, on a route whose guard is inside of a function of the
 * application, or of `@fastify/auth`, that accepts the request by other credentials.
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
