import { settingsOf } from '../../src/adapter.ts'
import type { AdminSettings } from './options.ts'

/**
 * Revokes the access tokens of a client for processes of release 0.1.0 too, which know cut-offs in the store of revocations
 * only. Nothing once the upgrade is finished.
 */
export async function cutOffTokens ({ clients, flow }: AdminSettings, clientId: string): Promise<void> {
  if (isUpgrading({ clients })) await settingsOf(flow).accessTokens?.revokeClient?.(clientId)
}

/** As {@link cutOffTokens}, for all clients. */
export async function cutOffAllTokens (settings: AdminSettings): Promise<void> {
  if (!isUpgrading(settings)) return
  let after: string | undefined
  do {
    const { clients, next } = await settings.clients.list(after === undefined ? {} : { after })
    for (const { id } of clients) await cutOffTokens(settings, id)
    after = next
  } while (after !== undefined)
}

/** Whether processes of release 0.1.0 may run on the store of the clients. */
export function isUpgrading ({ clients }: Pick<AdminSettings, 'clients'>): boolean {
  return clients.entries?.settings?.isUpgrading === true
}
