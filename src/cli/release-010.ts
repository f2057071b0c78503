import type { ClientRegistry } from '../index.ts'
import type { Clock } from '../lib/clock.ts'
import type { StoredSettings } from '../stores/contracts/index.ts'
import type { Invocation } from './command.ts'
import { withRegistry } from './commands/with-registry.ts'
import { CommandError } from './errors.ts'
import { openRevocationStore, revocationLocations } from './revocation-stores.ts'
import type { OpenRevocationStore } from './revocation-stores.ts'

/** Revokes the access tokens of clients for processes of release 0.1.0, which do not support generations. */
export interface CutOffs {
  /**
   * Adds a cut-off to every store of revocations: tokens of the client that were issued until now become invalid.
   *
   * @param ahead also invalidates tokens that are issued within so many seconds from now. Default 0
   */
  add (clientId: string, ahead?: number): Promise<void>
}

/**
 * Seconds for which a process of 0.1.0 may continue to issue tokens to a disabled client: it reads the change within one
 * second, and its clock may be ahead by another one.
 */
export const DISABLE_PROPAGATION_SECONDS = 2

// Seconds. The default of servers of 0.1.0.
const MAX_TOKEN_LIFETIME = 86_400
const CLOCK_TOLERANCE = 300
const FINISH = 'Once no process of 0.1.0 runs any more: settings change --finish'

/**
 * Opens the store for work that revokes access tokens. While processes of 0.1.0 may run, opens the other stores of
 * revocations too.
 *
 * @param work receives no cut-offs if no process of 0.1.0 can be running
 * @throws CommandError for a registered store that was not given, before the work begins
 */
export async function withCutOffs (invocation: Invocation, work: (registry: ClientRegistry, cutOffs: CutOffs | undefined) => Promise<void>): Promise<void> {
  const locations = revocationLocations(invocation)
  await withRegistry(invocation, async (registry, store) => {
    const settings = await store.readSettings()
    if (!settings.isUpgrading) return await work(registry, undefined)
    await withOthers(invocation, locations, async (others) => {
      checkStores(settings, others)
      await work(registry, cutOffsIn([store, ...others.filter(({ id }) => id !== settings.storeId).map((other) => other.store)], settings, invocation.io.now))
    })
  })
}

async function withOthers (invocation: Invocation, locations: readonly string[], work: (others: readonly OpenRevocationStore[]) => Promise<void>): Promise<void> {
  const others: OpenRevocationStore[] = []
  try {
    for (const location of locations) others.push(await openRevocationStore(location, invocation.advice))
    await work(others)
  } finally {
    for (const { close } of others) await close()
  }
}

function cutOffsIn (stores: ReadonlyArray<OpenRevocationStore['store']>, { longestTokenLifetime, largestClockTolerance }: StoredSettings, now: Clock): CutOffs {
  const kept = Math.max(longestTokenLifetime, MAX_TOKEN_LIFETIME) + Math.max(largestClockTolerance, CLOCK_TOLERANCE)
  return {
    async add (id, ahead = 0) {
      const issuedBefore = now() + 1 + ahead
      try {
        for (const store of stores) await store.addRevocation({ kind: 'client', id, issuedBefore, expiresAt: issuedBefore + kept })
      } catch (error) {
        throw new CommandError('Processes of this release reject the tokens, but those of 0.1.0 may not. Run the same command again, which is safe', { cause: error })
      }
    }
  }
}

function checkStores ({ agreed, revocationStores, storeId }: StoredSettings, others: readonly OpenRevocationStore[]): void {
  const given = new Set([storeId, ...others.map(({ id }) => id)])
  const missing = revocationStores.filter((id) => !given.has(id))
  if (missing.length > 0) {
    throw new CommandError(`Processes of release 0.1.0 may run, and servers keep revocations in another store, with the id ${missing.join(' and the id ')}. Nothing was changed. Name each such store by --revocations or OAUTH_REVOCATIONS, such as redis://host/0. ${FINISH}`)
  }
  // If false, no server of this release has started yet. Servers of 0.1.0 register nothing.
  const isRegistered = Object.hasOwn(agreed, 'jwt.revocations') || Object.hasOwn(agreed, 'opaque.revocations')
  if (!isRegistered && others.length === 0) {
    throw new CommandError(`Processes of release 0.1.0 may run, and no server has registered the store that it keeps revocations in. Nothing was changed. Name that store by --revocations or OAUTH_REVOCATIONS, such as redis://host/0, or the store itself. ${FINISH}`)
  }
}
