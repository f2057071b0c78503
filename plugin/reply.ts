import type { FastifyReply } from 'fastify'
import { isStoreUnavailable, toLogText } from '../src/adapter.ts'
import type { OAuth2Error, StrategyError } from '../src/index.ts'

const JSON_MEDIA_TYPE = 'application/json; charset=utf-8'

/**
 * Sends JSON text. A string passes by the application's preSerialization hooks and response schemas: an envelope that
 * suits its own routes would break the protocol.
 */
export function sendJson (reply: FastifyReply, json: string): FastifyReply {
  return reply.type(JSON_MEDIA_TYPE).send(json)
}

/** As much of Fastify's reply as takes the header fields of an error. */
export interface HeadedReply {
  headers (values: Record<string, string>): unknown
  getHeader (name: string): unknown
}

const EXPOSED = 'access-control-expose-headers'

/** Puts the header fields of an error on a reply. What `@fastify/cors` lets pages read stays readable beside what the error names. */
export function putHeaders (reply: HeadedReply, headers: Record<string, string>): void {
  const [ours, others] = [headers[EXPOSED], reply.getHeader(EXPOSED)]
  if (ours === undefined || others === undefined) reply.headers(headers)
  else reply.headers({ ...headers, [EXPOSED]: [...new Set(`${others}, ${ours}`.split(/\s*,\s*/))].join(', ') })
}

/** Sends the answer that an error knows, and logs its cause, which the answer does not tell. */
export function sendError (reply: FastifyReply, error: OAuth2Error | StrategyError): FastifyReply {
  if (error.status >= 500) {
    // A store that is away fails many requests. What is to be said of it, OutageLog says once.
    reply.log[isStoreUnavailable(error) ? 'debug' : 'error']({ err: error }, `OAuth ${error.code}: ${error.message}`)
  } else {
    // What a flood repeats, RepeatedLog says.
    reply.log[error.status === 429 ? 'debug' : 'info']({ oauth: { error: error.code, status: error.status, reason: reasonOf(error) } }, `OAuth ${error.code}: ${error.message}`)
  }
  putHeaders(reply, error.headers)
  return sendJson(reply.code(error.status), JSON.stringify(error.body))
}

// Characters. A reason is a sentence, which may quote an identifier and the message of a library.
const MAX_REASON = 500

/** Why a request was rejected, for the log. */
export function reasonOf ({ cause }: Error): unknown {
  const reason = cause instanceof Error ? cause.message : cause
  return typeof reason === 'string' ? toLogText(reason, MAX_REASON) : reason
}
