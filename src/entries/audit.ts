import { toLogText } from '../lib/log-text.ts'
import type { AuditOrigin, AuditRecord, AuditStore } from '../stores/contracts/index.ts'

/** Makes the record of a change. Undefined where nobody is named who has made it. */
export function toAuditRecord (
  origin: AuditOrigin | undefined, change: Omit<AuditRecord, 'time' | 'actor' | 'requestId'>, time: number
): AuditRecord | undefined {
  if (origin === undefined) return undefined
  // A caller may choose it, where Fastify's option requestIdHeader is set.
  const { requestId } = origin
  return { time, ...origin, ...(requestId !== undefined && { requestId: toLogText(String(requestId)) }), ...change }
}

/** The audit records of a store. Undefined where it keeps none. */
export function auditOf (store: object): AuditStore | undefined {
  return typeof (store as Partial<AuditStore>).followAudit === 'function' ? store as AuditStore : undefined
}
