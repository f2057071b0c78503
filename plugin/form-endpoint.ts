import createAjvCompiler from '@fastify/ajv-compiler'
import createSerializerCompiler from '@fastify/fast-json-stringify-compiler'
import formbody from '@fastify/formbody'
import type { FastifyBodyParser, FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifySerializerCompiler } from 'fastify'
import {
  FORM_BODY_LIMIT, formTooLarge, InvalidRequestError, MethodNotAllowedError, notAForm, OAuth2Error, parseForm, ServerError,
  TemporarilyUnavailableError
} from '../src/index.ts'
import type { FormParameters } from '../src/index.ts'
import { markRoute } from './openapi/marks.ts'
import { sendError } from './reply.ts'
import { FastifyTokenRequest } from './request.ts'
import type { RequestContext } from './request.ts'

/** An endpoint that takes forms and answers in JSON. */
export interface FormEndpoint {
  /** The path below the prefix of the scope. */
  url: string
  /** What a sentence about it begins with. */
  name: string
  /** By which its OpenAPI operation finds its place. */
  mark: string
  /** JSON Schemas of the body and of a success. */
  body: object
  response: object
  /** Refuses a body that the schema has refused, in the words of the pipeline. */
  check (form: FormParameters): void
  answer (request: FastifyTokenRequest, reply: FastifyReply): Promise<FastifyReply>
  context: RequestContext
}

/**
 * Prepares a scope for form endpoints: its parsers, schema compilers and error handler are not the application's, so
 * every answer is an OAuth body, whatever the application has set.
 */
export async function prepareFormScope (scope: FastifyInstance, acceptJson: boolean): Promise<void> {
  scope.removeAllContentTypeParsers()
  await scope.register(formbody, { bodyLimit: FORM_BODY_LIMIT, parser: parseForm as (text: string) => Record<string, unknown> })
  if (acceptJson) {
    scope.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: FORM_BODY_LIMIT }, scope.getDefaultJsonParser('error', 'error') as FastifyBodyParser<string>)
  }

  // Nothing is coerced, dropped or filled in: the pipeline sees what was sent.
  scope.setValidatorCompiler(createAjvCompiler()({}, { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } }))
  scope.setSerializerCompiler(createSerializerCompiler()({}, {}) as FastifySerializerCompiler<unknown>)
  scope.setSchemaErrorFormatter(() => new InvalidRequestError())
  scope.setErrorHandler<FastifyError>((error, _request, reply) => sendError(reply, toOAuth2Error(error)))
}

/** Serves an endpoint: POST, and a refusal of every other method. */
export function serveFormEndpoint (scope: FastifyInstance, { url, name, mark, body, response, check, answer, context }: FormEndpoint): void {
  scope.route({
    url,
    method: 'POST',
    schema: { body, response: { 200: response } },
    config: { swaggerTransform: markRoute(mark) } as object,
    errorHandler: (error, request, reply) => sendError(reply, error.validation === undefined ? toOAuth2Error(error) : refusedBody(request, check)),
    handler: (request, reply) => answer(new FastifyTokenRequest(request, context), reply)
  })

  // RFC 6749 §3.2: POST only, and said before a body is read. OPTIONS is left to the application's CORS plugin.
  const refuseMethod = async () => { throw new MethodNotAllowedError(`${name} takes POST only`) }
  scope.route({
    url,
    method: scope.supportedMethods.filter((method) => method !== 'POST' && method !== 'OPTIONS'),
    schema: { hide: true } as object,
    // No business of a transform of the application's.
    config: { swaggerTransform: false } as object,
    exposeHeadRoute: false,
    onRequest: refuseMethod,
    handler: refuseMethod
  })
}

function refusedBody ({ body }: FastifyRequest, check: FormEndpoint['check']): OAuth2Error {
  try {
    check((body ?? {}) as FormParameters)
    return new InvalidRequestError()
  } catch (error) {
    return error as OAuth2Error
  }
}

// What Fastify itself, or a hook of the application, refuses before the pipeline sees it.
function toOAuth2Error (error: FastifyError): OAuth2Error {
  if (error instanceof OAuth2Error) return error
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return notAForm()
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return formTooLarge()

  const status = error.statusCode ?? 500
  if (status === 429 || status === 503) return new TemporarilyUnavailableError(undefined, { status, cause: error })
  if (status >= 400 && status < 500) return new InvalidRequestError(undefined, { status, cause: error })
  return new ServerError(undefined, { cause: error })
}
