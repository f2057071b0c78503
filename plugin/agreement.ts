import type { FastifyBaseLogger } from 'fastify'
import { isStoreUnavailable } from '../src/adapter.ts'
import type { ClientCredentialsFlow } from '../src/index.ts'

/**
 * Compares the settings of this process with those that all processes on its stores have agreed on, and logs missing protection.
 * While a store is unavailable the server starts anyway, and compares at its first request.
 *
 * @throws FlowConfigurationError FST_OAUTH_SETTINGS_DIFFER
 */
export async function agreeWithOthers (flow: ClientCredentialsFlow, log: FastifyBaseLogger): Promise<void> {
  try {
    for (const warning of await flow.start()) log.warn(warning)
  } catch (error) {
    if (!isStoreUnavailable(error)) throw error
    log.error({ err: error }, 'The settings of this process could not be compared with those of the others, since a store is not available')
  }
}
