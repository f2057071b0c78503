import { FlowConfigurationError } from './configuration-error.ts'

/** Creates the error of an invalid client. @param reason the problem; must contain no secret */
export function wrongClient (reason: string): FlowConfigurationError {
  return new FlowConfigurationError('FST_OAUTH_INVALID_CLIENT', reason)
}
