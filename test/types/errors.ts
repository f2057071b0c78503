// Nothing here is run: it is checked by tsc, and each @ts-expect-error must be an error.
import { FlowConfigurationError, OAuth2Error, StrategyError } from '../../src/index.ts'
import type { FlowErrorCode, OAuth2ErrorCode, StrategyErrorCode } from '../../src/index.ts'
import { expectType } from './expect.ts'
import type { Same } from './expect.ts'

expectType<Same<OAuth2Error['code'], OAuth2ErrorCode>>()
expectType<Same<OAuth2Error['errorCode'], OAuth2ErrorCode>>()
expectType<Same<StrategyError['code'], StrategyErrorCode>>()
expectType<Same<StrategyError['errorCode'], StrategyErrorCode>>()
expectType<Same<FlowConfigurationError['code'], FlowErrorCode>>()

// A switch over all codes is exhaustive: behind it, nothing is left.
export function statusOf (error: OAuth2Error): number {
  switch (error.code) {
    case 'invalid_client': return 401
    case 'invalid_request': case 'invalid_scope': case 'invalid_target': case 'unauthorized_client': case 'unsupported_grant_type': return 400
    case 'invalid_dpop_proof': case 'use_dpop_nonce': return 400
    case 'server_error': return 500
    case 'temporarily_unavailable': return 503
  }
}

export function isTokenWrong (error: StrategyError): boolean {
  switch (error.code) {
    case 'invalid_token': return true
    case 'invalid_request': case 'unauthorized': case 'insufficient_scope': case 'invalid_dpop_proof': case 'use_dpop_nonce': return false
    case 'server_error': case 'temporarily_unavailable': return false
  }
}

// @ts-expect-error A code is missing.
export function missing (error: StrategyError): boolean {
  switch (error.code) {
    case 'invalid_token': return true
  }
}

// @ts-expect-error There is no such code.
export const client = new OAuth2Error('invalid_clint', 401, 'Wrong')
// @ts-expect-error That is a code of the other side.
export const token = new StrategyError('invalid_client', 401, 'Wrong')
// @ts-expect-error There is no such code.
export const flow = new FlowConfigurationError('FST_OAUTH_INVALID_SCOPE')
// @ts-expect-error There is no such code.
export const isClient = (error: OAuth2Error) => error.code === 'invalid_clint'
// @ts-expect-error There is no such code.
export const isToken = (error: StrategyError) => error.errorCode === 'invalid_tokn'
