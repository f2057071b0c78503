import type { AuditOrigin, AuditRecord } from '../stores/contracts/index.ts'
import { CHANNELS, publish } from './channels.ts'
import type { ChangeEvent, ClientChange } from './event-types.ts'

const { keyRotated, keyRevoked, clientChanged, administrationRecorded } = CHANNELS

interface Key { readonly kid: string, readonly alg: string, readonly activeFrom: number }

/** Details of a change besides the client or the key. */
export interface ChangeContext {
  /** The actor of the change. */
  readonly by?: AuditOrigin | undefined
  /** The id of the secret that was added or revoked. */
  readonly secretId?: string | undefined
}

/** Publishes that a client was changed. */
export function publishClientChange (clientId: string, change: ClientChange, { by, secretId }: ChangeContext = {}): void {
  if (clientChanged.hasSubscribers) publish(clientChanged, { clientId, change, secretId, ...originOf(by) })
}

/**
 * Publishes the changes of the signing keys: each new key, and the one that was revoked. Publishes nothing for a key that was
 * dropped because no valid token needs it.
 *
 * @param revoked the key that was revoked, and the actor
 */
export function publishKeyChanges (before: readonly Key[], after: readonly Key[], revoked: { kid: string | undefined, by?: AuditOrigin | undefined }): void {
  if (keyRotated.hasSubscribers) {
    const known = new Set(before.map(({ kid }) => kid))
    for (const { kid, alg, activeFrom } of after) if (!known.has(kid)) publish(keyRotated, { kid, alg, activeFrom })
  }
  const { kid } = revoked
  if (kid !== undefined && keyRevoked.hasSubscribers && before.some((key) => key.kid === kid)) publish(keyRevoked, { kid, ...originOf(revoked.by) })
}

const administrationLogs = new WeakSet<object>()

/** Returns whether all audit records are already written to a log. */
export function hasAdministration (log: object): boolean {
  return administrationLogs.has(log)
}

/** Notes that all audit records are written to a log from now on. Must be called before the first of them is published. */
export function claimAdministration (log: object): void {
  administrationLogs.add(log)
}

/** Publishes an audit record, of a change in this process or in another one. */
export function publishAdministration ({ time, actor, requestId, object, id, change, details }: AuditRecord): void {
  if (administrationRecorded.hasSubscribers) publish(administrationRecorded, { time, actor, requestId, object, id, change, details })
}

function originOf (by: AuditOrigin | undefined): ChangeEvent {
  return { actor: by?.actor, requestId: by?.requestId }
}
