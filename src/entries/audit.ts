import type { AuditOrigin, AuditRecord, AuditStore } from '../stores/index.ts'

/** Makes the record of a change. Undefined where nobody is named who has made it. */
export function toAuditRecord (
  origin: AuditOrigin | undefined, change: Omit<AuditRecord, 'time' | 'actor' | 'requestId'>, time: number
): AuditRecord | undefined {
  return origin && { time, ...origin, ...change }
}

/** The audit records of a store. Undefined where it keeps none. */
export function auditOf (store: object): AuditStore | undefined {
  return typeof (store as Partial<AuditStore>).followAudit === 'function' ? store as AuditStore : undefined
}
