import createAjvCompiler from '@fastify/ajv-compiler'
import createSerializerCompiler from '@fastify/fast-json-stringify-compiler'
import formbody from '@fastify/formbody'
import type { FastifyBodyParser, FastifyError, FastifyPluginAsync, FastifyRequest, FastifySerializerCompiler } from 'fastify'
import { tokenRequestSchema, tokenResponseSchema } from '../schemas/index.ts'
import {
  checkTokenParameters, FORM_BODY_LIMIT, formTooLarge, InvalidRequestError, issueAccessToken, MethodNotAllowedError, NO_STORE,
  notAForm, OAuth2Error, parseForm, ServerError, TemporarilyUnavailableError
} from '../src/index.ts'
import type { FormParameters } from '../src/index.ts'
import { redactUrls } from './log.ts'
import { markTokenRoute } from './openapi/token-route.ts'
import type { ResolvedOptions } from './options.ts'
import { sendError, sendJson } from './reply.ts'
import { FastifyTokenRequest } from './request.ts'

/** What the endpoints are served from. */
export interface EndpointsOptions extends Pick<ResolvedOptions, 'flow' | 'acceptJson'> {
  tokenPath: string
}

/**
 * The token route, in a scope of its own: its parser, schema compilers and error handler are not the application's, so
 * every answer is an OAuth body, whatever the application has set.
 */
export const endpoints: FastifyPluginAsync<EndpointsOptions> = async (fastify, { flow, acceptJson, tokenPath }) => {
  fastify.removeAllContentTypeParsers()
  await fastify.register(formbody, { bodyLimit: FORM_BODY_LIMIT, parser: parseForm as (text: string) => Record<string, unknown> })
  if (acceptJson) {
    fastify.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: FORM_BODY_LIMIT }, fastify.getDefaultJsonParser('error', 'error') as FastifyBodyParser<string>)
  }

  // Nothing is coerced, dropped or filled in: the pipeline sees what was sent.
  fastify.setValidatorCompiler(createAjvCompiler()({}, { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } }))
  fastify.setSerializerCompiler(createSerializerCompiler()({}, {}) as FastifySerializerCompiler<unknown>)
  fastify.setSchemaErrorFormatter(() => new InvalidRequestError())
  fastify.setErrorHandler<FastifyError>((error, request, reply) => sendError(reply, toOAuth2Error(error, request)))

  fastify.addHook('onRoute', (route) => { redactUrls(route, fastify.log) })

  fastify.route({
    url: tokenPath,
    method: 'POST',
    schema: { body: tokenRequestSchema, response: { 200: tokenResponseSchema } },
    config: { swaggerTransform: markTokenRoute(flow) } as object,
    async handler (request, reply) {
      const response = await issueAccessToken(flow.settings, new FastifyTokenRequest(request))
      // Not reply.serialize, which is the application's own where it has set a reply serializer.
      return sendJson(reply.headers(NO_STORE), reply.getSerializationFunction('200')!(response as unknown as Record<string, unknown>))
    }
  })

  // RFC 6749 §3.2: POST only, and said before a body is read. OPTIONS is left to the application's CORS plugin.
  const refuseMethod = async () => { throw new MethodNotAllowedError() }
  fastify.route({
    url: tokenPath,
    method: fastify.supportedMethods.filter((method) => method !== 'POST' && method !== 'OPTIONS'),
    schema: { hide: true } as object,
    exposeHeadRoute: false,
    onRequest: refuseMethod,
    handler: refuseMethod
  })
}

// What Fastify itself, or a hook of the application, refuses before the pipeline sees it.
function toOAuth2Error (error: FastifyError, request: FastifyRequest): OAuth2Error {
  if (error.validation !== undefined) return refusedParameters(request.body)
  if (error instanceof OAuth2Error) return error
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return notAForm()
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return formTooLarge()

  const status = error.statusCode ?? 500
  if (status === 429 || status === 503) return new TemporarilyUnavailableError(undefined, { status, cause: error })
  if (status >= 400 && status < 500) return new InvalidRequestError(undefined, { status, cause: error })
  return new ServerError(undefined, { cause: error })
}

// The schema has refused the body: the pipeline's own check of the same rules knows the words.
function refusedParameters (body: unknown): OAuth2Error {
  try {
    checkTokenParameters((body ?? {}) as FormParameters)
    return new InvalidRequestError()
  } catch (error) {
    return error as OAuth2Error
  }
}
