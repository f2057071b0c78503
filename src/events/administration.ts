import { CHANNELS, publish } from './index.ts'
import type { ClientChange } from './index.ts'

const { keyRotated, keyRevoked, clientChanged } = CHANNELS

interface Key { readonly kid: string, readonly alg: string, readonly activeFrom: number }

/** Publishes that a client was changed. */
export function publishClientChange (clientId: string, change: ClientChange, secretId?: string): void {
  if (clientChanged.hasSubscribers) publish(clientChanged, { clientId, change, secretId })
}

/**
 * Publishes what has become of the signing keys: which are new, and which was revoked. Of those that no token needs any
 * more nothing is said.
 */
export function publishKeyChanges (before: readonly Key[], after: readonly Key[], revokedKid: string | undefined): void {
  if (keyRotated.hasSubscribers) {
    const known = new Set(before.map(({ kid }) => kid))
    for (const { kid, alg, activeFrom } of after) if (!known.has(kid)) publish(keyRotated, { kid, alg, activeFrom })
  }
  const isRevoked = keyRevoked.hasSubscribers && before.some(({ kid }) => kid === revokedKid)
  if (isRevoked) publish(keyRevoked, { kid: revokedKid as string })
}
