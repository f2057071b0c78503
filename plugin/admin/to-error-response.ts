import type { FastifyError } from 'fastify'
import { isStrategyError, toMetadataNames } from '../../src/adapter.ts'
import { InvalidRequestError } from '../../src/index.ts'
import type { OAuth2Error, StrategyError } from '../../src/index.ts'
import { refusalOf } from '../endpoints/form-endpoint.ts'
import { invalidClientMetadata } from './refusals.ts'

/** Converts the error of a request to the error of its response. */
export function toErrorResponse (error: FastifyError): OAuth2Error | StrategyError {
  if (isStrategyError(error)) return error
  if (error.code === 'FST_OAUTH_INVALID_CLIENT') return invalidClientMetadata(toMetadataNames(String((error as { detail?: unknown }).detail)))
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return new InvalidRequestError('The body must be sent as application/json', { status: 415 })
  return refusalOf(error)
}
