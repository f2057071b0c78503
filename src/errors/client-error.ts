import { FlowConfigurationError } from './configuration-error.ts'

/** @param reason what of the client is wrong; no secret */
export function wrongClient (reason: string): FlowConfigurationError {
  return new FlowConfigurationError('FST_OAUTH_INVALID_CLIENT', reason)
}
