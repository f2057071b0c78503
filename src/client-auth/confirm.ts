import { isDeepStrictEqual } from 'node:util'
import { InvalidClientError } from '../errors/oauth-error.ts'
import { isThenable } from '../lib/maybe-promise.ts'
import type { AuthenticatedClient, ClientAuthSettings } from './client-auth-settings.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/** Returns whether a client must be confirmed: it cannot change where nothing keeps clients, and nothing that has verified it can. */
export function isConfirmable ({ clients }: ClientAuthSettings, { recheck }: AuthenticatedClient): boolean {
  return clients?.confirm !== undefined || recheck !== undefined
}

/**
 * Confirms a client immediately before a token is issued: it may have been disabled during a slow hash, and the key that
 * verified its assertion may have been removed.
 *
 * @returns the current client
 * @throws InvalidClientError if it may no longer authenticate in this way
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
  // Awaits promises only: most clients are confirmed synchronously, and each await costs a turn of the event loop.
  const confirmed = isThenable(answer) ? await answer : answer
  if (confirmed === client) return client
  // The keys that verified the client may have been removed.
  const isProven = confirmed !== undefined && (context.clientSecret !== undefined || isDeepStrictEqual(confirmed.metadata, client.metadata))
  if (!isProven) throw new InvalidClientError(undefined, { cause: `the client ${client.id} was changed while its request was under way` })
  return confirmed
}
