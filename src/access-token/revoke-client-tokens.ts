import type { Entries } from '../entries/entries.ts'
import { publishClientChange } from '../events/administration.ts'
import type { Clock } from '../lib/clock.ts'
import type { Revocations } from './revocations.ts'

/** Options for the revocation of all tokens of a client. */
export interface ClientRevocationOptions {
  readonly entries: Entries | undefined
  readonly revocations: Revocations | undefined
  /** Maximum lifetime of a client's tokens in seconds. */
  readonly maxTokenLifetime: number
  /** Tolerated clock difference in seconds. */
  readonly clockTolerance: number
  readonly now: Clock
}

/**
 * Revokes all access tokens of a client: by its generation if it is in the registry, else by a cut-off. The cut-off covers all
 * tokens that were issued until now and, for clocks that are ahead, up to twice the tolerance from now on.
 *
 * @throws StoreUnavailableError, and TypeError if there is neither a client in the registry nor a revocation store
 */
export async function revokeClient (clientId: string, options: ClientRevocationOptions): Promise<void> {
  const { entries, revocations, maxTokenLifetime, clockTolerance, now } = options
  const settings = revocations && await entries?.readSettings()
  const isRaised = await entries?.raiseClient(clientId) === true
  // Processes of release 0.1.0 support cut-offs only.
  if (!isRaised || settings?.isUpgrading === true) {
    if (revocations === undefined) throw new TypeError('There is no such client in the registry, and no store of revocations')
    const issuedBefore = now() + 1
    const lifetime = Math.max(maxTokenLifetime, settings?.longestTokenLifetime ?? 0)
    await revocations.add({ kind: 'client', id: clientId, issuedBefore, expiresAt: issuedBefore + lifetime + clockTolerance })
  }
  publishClientChange(clientId, 'tokens_revoked')
}
