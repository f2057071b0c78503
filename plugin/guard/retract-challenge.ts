import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'

// What a refusal says to the client alone that was refused.
const FIELDS = ['www-authenticate', 'retry-after']
const refusals = new WeakMap<object, Readonly<Record<string, string>>>()

/** Notes what a refusal has put on a reply. */
export function noteRefusal (reply: object, headers: Readonly<Record<string, string>>): void {
  refusals.set(reply, headers)
}

/**
 * Has the header fields of a refusal taken off the answer on a route where it was not the last word: its guard is in a
 * function of the user's, or of `@fastify/auth`, that lets the request in by another way.
 */
export function forgetRefusals (route: RouteOptions): void {
  route.onSend = [...[route.onSend ?? []].flat(), forgetRefusal]
}

function forgetRefusal (_request: FastifyRequest, reply: FastifyReply, payload: unknown, done: (error: null, payload: unknown) => void): void {
  const refusal = reply.statusCode < 400 ? refusals.get(reply) : undefined
  if (refusal !== undefined) {
    for (const name of FIELDS) if (reply.getHeader(name) === refusal[name]) reply.removeHeader(name)
  }
  done(null, payload)
}
