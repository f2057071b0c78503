import { settingsOf } from '../../src/adapter.ts'
import type { AdminSettings } from './options.ts'

/**
 * Revokes the access tokens of a client for processes of release 0.1.0 too, which read cut-offs from the revocation store
 * only. Does nothing once the upgrade is finished.
 */
export async function cutOffTokens ({ clients, flow }: AdminSettings, clientId: string): Promise<void> {
  if (isUpgrading({ clients })) await settingsOf(flow).accessTokens?.revokeClient?.(clientId)
}

/** Revokes the access tokens of all clients, as {@link cutOffTokens} does for one. */
export async function cutOffAllTokens (settings: AdminSettings): Promise<void> {
  if (!isUpgrading(settings)) return
  let after: string | undefined
  do {
    const { clients, next } = await settings.clients.list(after === undefined ? {} : { after })
    for (const { id } of clients) await cutOffTokens(settings, id)
    after = next
  } while (after !== undefined)
}

/** Returns whether processes of release 0.1.0 may use the client store. */
export function isUpgrading ({ clients }: Pick<AdminSettings, 'clients'>): boolean {
  return clients.entries?.settings?.isUpgrading === true
}
