import createAjvCompiler from '@fastify/ajv-compiler'
import createSerializerCompiler from '@fastify/fast-json-stringify-compiler'
import type { FastifyBodyParser, FastifyInstance, FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify'
import { InvalidRequestError } from '../../src/index.ts'
import { resetBodyParsing } from '../endpoints/platform-body.ts'
import { invalidClientMetadata } from './refusals.ts'

interface SchemaError { instancePath: string, message?: string, keyword: string, params: Record<string, unknown> }

// Bytes. Leaves room for a JWK Set with certificate chains.
const BODY_LIMIT = 65_536

/** Prepares an encapsulation context for JSON requests, with its own parser and schema compilers instead of the application's. */
export function prepareAdminScope (scope: FastifyInstance): void {
  resetBodyParsing(scope)
  const parseJson = scope.getDefaultJsonParser('error', 'error') as FastifyBodyParser<string>
  scope.addContentTypeParser<string>('application/json', { parseAs: 'string', bodyLimit: BODY_LIMIT }, (request, text, done) => {
    // Many clients send the media type with every request, and some of these requests have no body.
    return text === '' ? done(null, undefined) : parseJson(request, text, done)
  })

  const body = createAjvCompiler()({}, { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: true } })
  // Numbers in a URL are strings.
  const url = createAjvCompiler()({}, { customOptions: { coerceTypes: true, removeAdditional: false, useDefaults: false } })
  const compile: FastifySchemaCompiler<unknown> = (route) => (route.httpPart === 'body' ? body : url)(route as never)
  scope.setValidatorCompiler(compile)
  scope.setSerializerCompiler(createSerializerCompiler()({}, {}) as FastifySerializerCompiler<unknown>)
  scope.setSchemaErrorFormatter((errors, part) => {
    const description = describeSchemaErrors(errors, part)
    return part === 'body' ? invalidClientMetadata(description) : new InvalidRequestError(description)
  })
}

// The message contains names of members and never their values: a value may be a secret.
function describeSchemaErrors (errors: readonly SchemaError[], part: string): string {
  return errors.map(({ instancePath, keyword, message, params }) => {
    const path = instancePath.slice(1)
    if (keyword === 'additionalProperties') return `${path && `${path}/`}${params.additionalProperty} is unknown, or not yours to set`
    return `${path || `The ${part}`} ${keyword === 'pattern' ? 'is malformed' : message}`
  }).join('; ')
}
