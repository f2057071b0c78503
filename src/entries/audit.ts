import { toLogText } from '../lib/log-text.ts'
import type { AuditOrigin, AuditRecord, AuditStore } from '../stores/contracts/index.ts'

/** Creates the audit record of a change. Returns undefined if no actor is given. */
export function toAuditRecord (
  origin: AuditOrigin | undefined, change: Omit<AuditRecord, 'time' | 'actor' | 'requestId'>, time: number
): AuditRecord | undefined {
  if (origin === undefined) return undefined
  // Callers may choose the id if Fastify's option requestIdHeader is set.
  const { requestId } = origin
  return { time, ...origin, ...(requestId !== undefined && { requestId: toLogText(String(requestId)) }), ...change }
}

/** Returns the store as an audit store. Undefined if it keeps no audit records. */
export function auditOf (store: object): AuditStore | undefined {
  return typeof (store as Partial<AuditStore>).followAudit === 'function' ? store as AuditStore : undefined
}
