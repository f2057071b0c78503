import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { oauthErrorSchema } from '../../schemas/index.ts'
import { NO_STORE, toLogText } from '../../src/adapter.ts'
import type { AuditOrigin } from '../../src/adapter.ts'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import { credentialsOf } from '../guard/decision.ts'
import type { Guard } from '../guard/guard.ts'
import { ADMIN_TAG } from '../openapi/marks.ts'
import { operationIdOf } from '../openapi/operation-ids.ts'
import type { OutageLog } from '../outage-log.ts'
import { sendError, sendJson } from '../reply.ts'
import { toErrorResponse } from './to-error-response.ts'

/** The parts of a request that a route reads, validated by its schemas. */
export interface AdminRequest {
  params: Readonly<Record<string, string>>
  query: Readonly<{ after?: string, before?: number, limit?: number }>
  body: Readonly<Record<string, unknown>>
  /** The administrator who sends the request, for the audit record of the change. */
  by: AuditOrigin
}

/** The result of a route handler. */
export interface AdminAnswer {
  body?: object
  /** The location of a created resource: a path below the prefix of the encapsulation context. */
  location?: string
}

/** A route of the admin API. */
export interface AdminRoute {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  url: string
  /** The operation ID in OpenAPI. */
  id: string
  summary: string
  description: string
  /** JSON Schemas of the parts of a request. */
  params?: object
  query?: object
  body?: object
  /** The status of a success, and the JSON Schema of its body. A 204 has no body. */
  success: { status: 200 | 201 | 204, body?: object }
  /** The error statuses of this route, in addition to those that all routes have. */
  refusals?: ReadonlyArray<404 | 409>
  answer (request: AdminRequest): Promise<AdminAnswer>
}

/** Settings that all routes of the admin API share. */
export interface AdminSurroundings {
  readonly flow: ClientCredentialsFlow
  readonly guard: Guard
  readonly outage: OutageLog
  /** Whether the store keeps audit records. Those are logged separately. */
  readonly isAudited: boolean
}

const REFUSALS = {
  400: 'The request is malformed, or says what cannot be.',
  404: 'There is nothing by this name.',
  409: 'There is a client with this client_id already.',
  413: 'The body is larger than 64 KiB.',
  415: 'The body is not application/json.',
  429: 'Too many requests, where the application limits them.',
  500: 'The server failed.',
  503: 'The store is unavailable.'
} as const

/** Registers a route behind the guard. Every response is JSON with `Cache-Control: no-store`. */
export function serveAdminRoute (scope: FastifyInstance, { flow, guard, outage, isAudited }: AdminSurroundings, route: AdminRoute): void {
  const { method, url, success, answer } = route
  scope.route({
    method,
    url,
    schema: schemaOf(route, operationIdOf(flow, route.id)) as NonNullable<RouteOptions['schema']>,
    // A transform of the application may expect other schemas.
    config: { swaggerTransform: false } as object,
    // The guard runs before the body is parsed.
    onRequest: guard,
    // A missing body counts as an empty object if no member is required. A null body does not.
    async preValidation (request) { if (request.body === undefined) request.body = {} },
    errorHandler (error, _request, reply) {
      const refusal = toErrorResponse(error)
      outage.failed(refusal)
      // Error responses of a guard leave the cache header to the application.
      return sendError(reply.headers(NO_STORE), refusal)
    },
    async handler (request, reply) {
      const { params, query, body } = request as Omit<AdminRequest, 'by'>
      const made = await answer({ params, query, body, by: originOf(request) })
      outage.succeeded()
      const location = made.location === undefined ? undefined : `${scope.prefix}${made.location}`
      if (method !== 'GET' && !isAudited) logChange(request, route.summary, location)
      if (location !== undefined) reply.header('location', location)
      return send(reply.code(success.status).headers(NO_STORE), made.body)
    }
  })
}

function schemaOf ({ method, summary, description, params, query, body, success, refusals = [] }: AdminRoute, operationId: string): object {
  // Fastify parses a body even if the route does not read it.
  const refused = [400, ...refusals, ...(method === 'GET' ? [] : [413, 415] as const), 429, 500, 503] as const
  return {
    operationId,
    tags: [ADMIN_TAG],
    summary,
    description,
    ...(params && { params }),
    ...(query && { querystring: query }),
    ...(body && { body }),
    response: {
      [success.status]: success.body ?? { type: 'null', description: 'Done.' },
      ...Object.fromEntries(refused.map((status) => [status, { ...oauthErrorSchema, description: REFUSALS[status] }]))
    }
  }
}

function originOf (request: FastifyRequest): AuditOrigin {
  return { actor: { kind: 'client', id: credentialsOf(request).app?.id ?? '' }, requestId: request.id }
}

// Logs the change for a store without audit records. The path contains ids of clients and keys, and no secret.
function logChange (request: FastifyRequest, summary: string, location: string | undefined): void {
  const { params, log } = request
  const ids = Object.fromEntries(Object.entries(params as Record<string, string>).map(([name, id]) => [name, toLogText(id)]))
  log.info({ oauth: { by: credentialsOf(request).app.id, ...ids, location } }, `OAuth administration: ${summary}`)
}

// Avoids reply.serialize, which uses the application's reply serializer if one is set. The schema filters the output.
function send (reply: FastifyReply, body: object | undefined): FastifyReply {
  if (body === undefined) return reply.send()
  return sendJson(reply, reply.getSerializationFunction(String(reply.statusCode))!(body as Record<string, unknown>))
}
