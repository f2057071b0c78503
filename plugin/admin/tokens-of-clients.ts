import { UNTIL_DISABLED } from '../../src/index.ts'
import type { RegisteredClient } from '../../src/index.ts'
import type { AdminSettings } from './options.ts'
import { found } from './refusals.ts'

/**
 * Disables a client, and makes the tokens that it has invalid where that can be done: who disables a leaked client expects
 * them to die. In this order, so that it gets no others; whatever fails can be tried again.
 *
 * @throws OAuth2Error 404
 */
export async function disableClient ({ clients, revokeTokens }: AdminSettings, id: string): Promise<RegisteredClient> {
  const client = found(await clients.disable(id), 'client')
  await revokeTokens?.(id, UNTIL_DISABLED)
  return client
}

/** What becomes of the tokens of a client that is disabled, in a sentence. */
export function tokensOfDisabled ({ revokeTokens }: AdminSettings): string {
  return revokeTokens === undefined ? 'Access tokens that it has stay valid until they expire.' : 'Access tokens that it has are revoked.'
}
