import { generateClientId } from '../lib/generated-secret.ts'
import type { OAuth2Client } from './oauth2-client.ts'

/**
 * Reads a client that does not exist from the store. Call it before a client that was found is rejected: it may have come from a cache, whereas
 * an unknown one is looked for in the store each time, and a store that is slow would tell them apart.
 */
export async function readUnknownClient (clients: { findClient (clientId: string): OAuth2Client | undefined | Promise<OAuth2Client | undefined> }): Promise<void> {
  await clients.findClient(generateClientId())
}
