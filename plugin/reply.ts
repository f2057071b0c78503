import type { FastifyReply } from 'fastify'
import { isStoreUnavailable, toLogText } from '../src/adapter.ts'
import type { OAuth2Error, StrategyError } from '../src/index.ts'

const JSON_MEDIA_TYPE = 'application/json; charset=utf-8'

/**
 * Sends JSON text. Because it is a string, the application's preSerialization hooks and response schemas do not apply: an
 * envelope for the application's own routes would break the protocol.
 */
export function sendJson (reply: FastifyReply, json: string): FastifyReply {
  return reply.type(JSON_MEDIA_TYPE).send(json)
}

/** The members of Fastify's reply that are needed to set header fields. */
export interface HeadedReply {
  headers (values: Record<string, string>): unknown
  getHeader (name: string): unknown
}

const EXPOSED = 'access-control-expose-headers'

/** Sets the header fields of an error on a reply. Adds to the fields that `@fastify/cors` exposes to scripts. */
export function putHeaders (reply: HeadedReply, headers: Record<string, string>): void {
  const [ours, others] = [headers[EXPOSED], reply.getHeader(EXPOSED)]
  if (ours === undefined || others === undefined) reply.headers(headers)
  else reply.headers({ ...headers, [EXPOSED]: [...new Set(`${others}, ${ours}`.split(/\s*,\s*/))].join(', ') })
}

/** Sends the response of an error, and logs its cause, which the response does not contain. */
export function sendError (reply: FastifyReply, error: OAuth2Error | StrategyError): FastifyReply {
  if (error.status >= 500) {
    // An unavailable store fails many requests. OutageLog logs the outage once.
    reply.log[isStoreUnavailable(error) ? 'debug' : 'error']({ err: error }, `OAuth ${error.code}: ${error.message}`)
  } else {
    // RepeatedLog summarises repeated rejections.
    reply.log[error.status === 429 ? 'debug' : 'info']({ oauth: { error: error.code, status: error.status, reason: reasonOf(error) } }, `OAuth ${error.code}: ${error.message}`)
  }
  putHeaders(reply, error.headers)
  return sendJson(reply.code(error.status), JSON.stringify(error.body))
}

// Characters. A reason is a sentence, which may contain an identifier and the message of a library.
const MAX_REASON = 500

/** Returns the reason of a rejection, for the log. */
export function reasonOf ({ cause }: Error): unknown {
  const reason = cause instanceof Error ? cause.message : cause
  return typeof reason === 'string' ? toLogText(reason, MAX_REASON) : reason
}
