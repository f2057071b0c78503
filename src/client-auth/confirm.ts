import { isDeepStrictEqual } from 'node:util'
import { InvalidClientError } from '../errors/oauth-error.ts'
import { isThenable } from '../lib/maybe-promise.ts'
import type { AuthenticatedClient, ClientAuthSettings } from './client-auth-settings.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/**
 * Confirms a client immediately before it gets a token: it may have been disabled while a slow secret was hashed, and the key
 * that has proven it may have been dropped.
 *
 * @returns the client as it is now
 * @throws InvalidClientError when it may not authenticate in this way any more
 */
export async function confirmClient (settings: ClientAuthSettings, authenticated: AuthenticatedClient): Promise<OAuth2Client> {
  const confirmed = await confirm(settings, authenticated)
  const rechecking = authenticated.recheck?.()
  if (isThenable(rechecking)) await rechecking
  return confirmed
}

async function confirm ({ clients }: ClientAuthSettings, { client, context }: AuthenticatedClient): Promise<OAuth2Client> {
  if (clients?.confirm === undefined) return client
  const answer = clients.confirm(client, context)
  // Most are confirmed without waiting, and each wait costs every request a turn.
  const confirmed = isThenable(answer) ? await answer : answer
  if (confirmed === client) return client
  // The keys that have proven the client may be those that were removed.
  const isProven = confirmed !== undefined && (context.clientSecret !== undefined || isDeepStrictEqual(confirmed.metadata, client.metadata))
  if (!isProven) throw new InvalidClientError(undefined, { cause: `the client ${client.id} was changed while its request was under way` })
  return confirmed
}
