import createAjvCompiler from '@fastify/ajv-compiler'
import createSerializerCompiler from '@fastify/fast-json-stringify-compiler'
import formbody from '@fastify/formbody'
import type { FastifyBodyParser, FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifySerializerCompiler, RouteOptions } from 'fastify'
import {
  FORM_BODY_LIMIT, formTooLarge, hasTooManyParameters, isDenialObserved, isOAuth2Error, MethodNotAllowedError, notAForm, parseForm,
  publishDenial, TemporarilyUnavailableError, toOAuth2Error, tooManyParameters
} from '../../src/adapter.ts'
import { InvalidRequestError } from '../../src/index.ts'
import type { ClientEndpoint, FlowSettings, FormParameters } from '../../src/adapter.ts'
import type { OAuth2Error } from '../../src/index.ts'
import { createProxyCheck } from '../client-certificate/forwarded-fields.ts'
import { OPEN_CONFIG } from '../guard/unguarded-routes.ts'
import { markRoute } from '../openapi/marks.ts'
import { OutageLog } from '../outage-log.ts'
import { RepeatedLog } from '../repeated-log.ts'
import { reasonOf, sendError } from '../reply.ts'
import { FastifyPlainRequest, FastifyTokenRequest } from '../request.ts'
import type { RequestContext } from '../request.ts'
import { resetBodyParsing } from './platform-body.ts'

/** An endpoint with form requests and JSON responses. */
export interface FormEndpoint {
  /** The path below the prefix of the encapsulation context. */
  url: string
  /** The name of the endpoint at the beginning of log and error sentences. */
  name: string
  kind: ClientEndpoint
  flow: FlowSettings
  /** The marker by which its OpenAPI operation is placed. */
  mark: string
  /** JSON Schemas of the request body and of the success response. */
  body: object
  response: object
  /** Throws the error of the request handler for a body that the schema has rejected. */
  check (form: FormParameters): void
  answer (request: FastifyTokenRequest, reply: FastifyReply): Promise<FastifyReply>
  context: RequestContext
}

// The parser of @fastify/formbody cannot reject a form: older releases of Fastify do not catch its exceptions.
const TOO_MANY_PARAMETERS: FormParameters = Object.freeze({})

function parseBoundedForm (text: string): Record<string, unknown> {
  return (hasTooManyParameters(text) ? TOO_MANY_PARAMETERS : parseForm(text)) as Record<string, unknown>
}

/** Prepares an encapsulation context for form endpoints, with its own parsers and schema compilers instead of the application's. */
export async function prepareFormScope (scope: FastifyInstance, acceptJson: boolean): Promise<void> {
  resetBodyParsing(scope)
  await scope.register(formbody, { bodyLimit: FORM_BODY_LIMIT, parser: parseBoundedForm })
  scope.addHook('preValidation', async ({ body }) => { if (body === TOO_MANY_PARAMETERS) throw tooManyParameters() })
  if (acceptJson) {
    scope.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: FORM_BODY_LIMIT }, scope.getDefaultJsonParser('error', 'error') as FastifyBodyParser<string>)
  }

  // Validation must not coerce, remove or add values: the request handler reads the body as it was sent.
  scope.setValidatorCompiler(createAjvCompiler()({}, { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } }))
  scope.setSerializerCompiler(createSerializerCompiler()({}, {}) as FastifySerializerCompiler<unknown>)
  scope.setSchemaErrorFormatter(() => new InvalidRequestError())
}

/** Registers an endpoint for POST, which rejects every other method. Its own error handler sends every response as an OAuth body. */
export function serveFormEndpoint (scope: FastifyInstance, { url, name, kind, flow, mark, body, response, check, answer, context }: FormEndpoint): void {
  const outage = new OutageLog(name, scope.log)
  const repeated = new RepeatedLog(scope.log)
  const checkProxy = createProxyCheck(scope.log)
  scope.addHook('onClose', async () => { repeated.flush() })
  // The requests that the request handler decides: it logs and publishes the outcome itself.
  const decided = new WeakSet<FastifyRequest>()
  const errorHandler: RouteOptions['errorHandler'] = (error, request, reply) => {
    const refusal = error.validation === undefined ? refusalOf(error) : refusedBody(request, check)
    outage.failed(refusal)
    if (refusal.status === 429) repeated.note(`${name} has answered 429`, String(reasonOf(refusal) ?? refusal.message))
    if (!decided.has(request)) publishDenial(flow, new FastifyPlainRequest(request, context), kind, refusal)
    return sendError(reply, refusal)
  }

  scope.route({
    url,
    method: 'POST',
    schema: { body, response: { 200: response } },
    config: { ...OPEN_CONFIG, swaggerTransform: markRoute(mark) } as object,
    errorHandler,
    async handler (request, reply) {
      if (flow.throttle !== undefined) checkProxy(request)
      if (isDenialObserved()) decided.add(request)
      const sent = await answer(new FastifyTokenRequest(request, context, reply), reply)
      outage.succeeded()
      return sent
    }
  })

  // RFC 6749 §3.2: POST only, checked before the body is read. OPTIONS is left to the application's CORS plugin.
  const refuseMethod = async () => { throw new MethodNotAllowedError(`${name} takes POST only`) }
  scope.route({
    url,
    method: scope.supportedMethods.filter((method) => method !== 'POST' && method !== 'OPTIONS'),
    schema: { hide: true } as object,
    // A transform of the application does not apply.
    config: { ...OPEN_CONFIG, swaggerTransform: false } as object,
    exposeHeadRoute: false,
    errorHandler,
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

/** Converts an error of Fastify, or of a hook of the application, that occurs before the request handler, to the error of the response. */
export function refusalOf (error: FastifyError): OAuth2Error {
  if (isOAuth2Error(error)) return error
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return notAForm()
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return formTooLarge()

  const status = error.statusCode ?? 500
  if (status === 429 || status === 503) return new TemporarilyUnavailableError(undefined, { status, cause: error })
  if (status >= 400 && status < 500) return new InvalidRequestError(undefined, { status, cause: error })
  return toOAuth2Error(error)
}
