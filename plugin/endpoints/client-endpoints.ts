import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { introspectionResponseSchema, presentedTokenRequestSchema, tokenRequestSchema, tokenResponseSchema } from '../../schemas/index.ts'
import type { ServedPaths } from '../../src/adapter.ts'
import {
  checkPresentedToken, checkTokenParameters, handleIntrospectionRequest, handleRevocationRequest, handleTokenRequest,
  INTROSPECTION_JWT_MEDIA_TYPE, NO_STORE, settingsOf
} from '../../src/adapter.ts'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import { operationMark } from '../openapi/marks.ts'
import { redactUrls } from '../redact-urls.ts'
import { sendJson } from '../reply.ts'
import type { RequestContext } from '../request.ts'
import { prepareFormScope, serveFormEndpoint } from './form-endpoint.ts'
import type { FormEndpoint } from './form-endpoint.ts'

/** Options of the endpoints. */
export interface EndpointsOptions {
  flow: ClientCredentialsFlow
  acceptJson: boolean
  paths: ServedPaths
  context: RequestContext
}

/** Serves the endpoints with client authentication, in their own encapsulation context. */
export const endpoints: FastifyPluginAsync<EndpointsOptions> = async (fastify, { flow, acceptJson, paths, context }) => {
  await prepareFormScope(fastify, acceptJson)
  fastify.addHook('onRoute', (route) => { redactUrls(route, fastify.log) })
  const serve = (url: string | undefined, endpoint: Endpoint) => {
    if (url !== undefined) serveFormEndpoint(fastify, { url, flow: settingsOf(flow), context, ...endpoint })
  }
  serve(paths.token, tokenEndpoint(flow))
  serve(paths.introspection, introspectionEndpoint(flow))
  serve(paths.revocation, revocationEndpoint(flow))
}

// The request handler rejects an empty token after the client has authenticated.
const PRESENTED_TOKEN_BODY = { ...presentedTokenRequestSchema, properties: { ...presentedTokenRequestSchema.properties, token: { type: 'string' } } }

type Endpoint = Omit<FormEndpoint, 'url' | 'flow' | 'context'>

// Does not use the response schema, which would remove further members.
function sendUncached (reply: FastifyReply, body: object): FastifyReply {
  return sendJson(reply.headers(NO_STORE), JSON.stringify(body))
}

function tokenEndpoint (flow: ClientCredentialsFlow): Endpoint {
  return {
    name: 'The token endpoint',
    kind: 'token',
    mark: operationMark(flow, 'token'),
    body: tokenRequestSchema,
    response: tokenResponseSchema,
    check: checkTokenParameters,
    answer: async (request, reply) => sendUncached(reply, await handleTokenRequest(settingsOf(flow), request))
  }
}

function introspectionEndpoint (flow: ClientCredentialsFlow): Endpoint {
  return {
    name: 'The introspection endpoint',
    kind: 'introspection',
    mark: operationMark(flow, 'introspection'),
    body: PRESENTED_TOKEN_BODY,
    response: introspectionResponseSchema,
    check: checkPresentedToken,
    async answer (request, reply) {
      const response = await handleIntrospectionRequest(settingsOf(flow), request)
      if (typeof response !== 'string') return sendUncached(reply, response)
      return reply.headers(NO_STORE).type(INTROSPECTION_JWT_MEDIA_TYPE).send(response)
    }
  }
}

function revocationEndpoint (flow: ClientCredentialsFlow): Endpoint {
  return {
    name: 'The revocation endpoint',
    kind: 'revocation',
    mark: operationMark(flow, 'revocation'),
    body: PRESENTED_TOKEN_BODY,
    response: { type: 'object' },
    check: checkPresentedToken,
    // RFC 7009 §2.2: the status is the response. Sends an empty object, since some clients parse every body.
    async answer (request, reply) {
      await handleRevocationRequest(settingsOf(flow), request)
      return sendUncached(reply, {})
    }
  }
}
