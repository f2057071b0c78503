import { generateClientId } from '../lib/generated-secret.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/**
 * Reads a client that does not exist from the store. Call it before a client that was found is rejected. A found client may come from
 * the cache, whereas an unknown one is read from the store each time, so a slow store would make the two distinguishable.
 */
export async function readUnknownClient (clients: { findClient (clientId: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined> }): Promise<void> {
  await clients.findClient(generateClientId())
}
