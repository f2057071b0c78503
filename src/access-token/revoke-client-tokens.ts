import type { Entries } from '../entries/entries.ts'
import { publishClientChange } from '../events/administration.ts'
import type { Clock } from '../lib/clock.ts'
import type { Revocations } from './revocations.ts'

/** What the revocation of all tokens of a client needs. */
export interface ClientRevocationOptions {
  readonly entries: Entries | undefined
  readonly revocations: Revocations | undefined
  /** Seconds that the longest-living token of a client is accepted. */
  readonly maxTokenLifetime: number
  /** Seconds that clocks may differ. */
  readonly clockTolerance: number
  readonly now: Clock
}

/**
 * Makes all access tokens invalid that a client has: by its generation where it is in the registry, else by a cut-off: all
 * that were issued until now, and by clocks that are ahead, up to twice the tolerance from now on.
 *
 * @throws StoreUnavailableError, and TypeError where there is neither a client in the registry nor a store of revocations
 */
export async function revokeClient (clientId: string, options: ClientRevocationOptions): Promise<void> {
  const { entries, revocations, maxTokenLifetime, clockTolerance, now } = options
  const settings = revocations && await entries?.readSettings()
  const isRaised = await entries?.raiseClient(clientId) === true
  // Processes of release 0.1.0 know cut-offs only.
  if (!isRaised || settings?.isUpgrading === true) {
    if (revocations === undefined) throw new TypeError('There is no such client in the registry, and no store of revocations')
    const issuedBefore = now() + 1
    const lifetime = Math.max(maxTokenLifetime, settings?.longestTokenLifetime ?? 0)
    await revocations.add({ kind: 'client', id: clientId, issuedBefore, expiresAt: issuedBefore + lifetime + clockTolerance })
  }
  publishClientChange(clientId, 'tokens_revoked')
}
