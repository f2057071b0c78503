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

/** An endpoint that takes forms and answers in JSON. */
export interface FormEndpoint {
  /** The path below the prefix of the scope. */
  url: string
  /** What a sentence about it begins with. */
  name: string
  kind: ClientEndpoint
  flow: FlowSettings
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

// The parser of @fastify/formbody cannot reject a form: where it throws, older releases of Fastify catch nothing.
const TOO_MANY_PARAMETERS: FormParameters = Object.freeze({})

function parseBoundedForm (text: string): Record<string, unknown> {
  return (hasTooManyParameters(text) ? TOO_MANY_PARAMETERS : parseForm(text)) as Record<string, unknown>
}

/** Prepares a scope for form endpoints: its parsers and schema compilers are not the application's, whatever that has set. */
export async function prepareFormScope (scope: FastifyInstance, acceptJson: boolean): Promise<void> {
  resetBodyParsing(scope)
  await scope.register(formbody, { bodyLimit: FORM_BODY_LIMIT, parser: parseBoundedForm })
  scope.addHook('preValidation', async ({ body }) => { if (body === TOO_MANY_PARAMETERS) throw tooManyParameters() })
  if (acceptJson) {
    scope.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: FORM_BODY_LIMIT }, scope.getDefaultJsonParser('error', 'error') as FastifyBodyParser<string>)
  }

  // Nothing is coerced, dropped or filled in: the pipeline sees what was sent.
  scope.setValidatorCompiler(createAjvCompiler()({}, { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } }))
  scope.setSerializerCompiler(createSerializerCompiler()({}, {}) as FastifySerializerCompiler<unknown>)
  scope.setSchemaErrorFormatter(() => new InvalidRequestError())
}

/** Serves an endpoint: POST, and a refusal of every other method. Every answer is an OAuth body, by an error handler of its own. */
export function serveFormEndpoint (scope: FastifyInstance, { url, name, kind, flow, mark, body, response, check, answer, context }: FormEndpoint): void {
  const outage = new OutageLog(name, scope.log)
  const repeated = new RepeatedLog(scope.log)
  const checkProxy = createProxyCheck(scope.log)
  scope.addHook('onClose', async () => { repeated.flush() })
  // The requests that the pipeline has decided, or will: it tells of them itself.
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

  // RFC 6749 §3.2: POST only, and said before a body is read. OPTIONS is left to the application's CORS plugin.
  const refuseMethod = async () => { throw new MethodNotAllowedError(`${name} takes POST only`) }
  scope.route({
    url,
    method: scope.supportedMethods.filter((method) => method !== 'POST' && method !== 'OPTIONS'),
    schema: { hide: true } as object,
    // No business of a transform of the application's.
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

/** What Fastify itself, or a hook of the application, refuses before the pipeline sees it, as the error of the answer. */
export function refusalOf (error: FastifyError): OAuth2Error {
  if (isOAuth2Error(error)) return error
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return notAForm()
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return formTooLarge()

  const status = error.statusCode ?? 500
  if (status === 429 || status === 503) return new TemporarilyUnavailableError(undefined, { status, cause: error })
  if (status >= 400 && status < 500) return new InvalidRequestError(undefined, { status, cause: error })
  return toOAuth2Error(error)
}
