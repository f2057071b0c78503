import { hasAdministration } from '../events/administration.ts'
import type { RequestEvent } from '../events/event-types.ts'
import { checkArgument, checkOptions, flag, required, withMethods } from '../options/check-options.ts'
import type { OptionsDescription, Rule } from '../options/check-options.ts'
import { listen } from './listen.ts'

/** The part of pino, and of `app.log`, that is used here. */
export interface AuditLogger {
  info (line: object, message: string): void
}

/** Options of {@link auditLog}. */
export interface AuditLogOptions {
  /** Whether requests with a valid token are logged too. Default true. */
  verified?: boolean
}

const LOGGER: Rule<AuditLogger> = { ...withMethods<AuditLogger>('a logger', 'info'), fix: 'Pass app.log' }

/** The options of auditLog. */
export const AUDIT_LOG: OptionsDescription<AuditLogOptions> = { of: 'auditLog', options: { verified: flag() } }

/**
 * Writes a log line at level info for every decision: issued and denied tokens, accepted and rejected tokens, changes of
 * clients and keys in this process, and audit records of all processes and the command line. It omits audit records that the
 * plugin already writes to the same log, that of its server. The member `audit` of the line is the event; `reqId` is the same
 * as in Fastify's lines for the request.
 *
 * @returns a function that stops logging
 * @example
 * auditLog(app.log)
 */
export function auditLog (logger: AuditLogger, options: AuditLogOptions = {}): () => void {
  checkArgument(logger, required(LOGGER), 'auditLog', 'logger')
  checkOptions(options, AUDIT_LOG)
  const { verified = true } = options
  const write = (name: string) => (event: object) => {
    const { requestId, ...members } = event as Partial<RequestEvent>
    logger.info({ ...(requestId !== undefined && { reqId: requestId }), audit: { event: name, ...members } }, name.replace('.', ' '))
  }
  const writeAdministration = write('administration.recorded')
  return listen({
    tokenIssued: write('token.issued'),
    tokenDenied: write('token.denied'),
    tokenRejected: write('token.rejected'),
    tokenRevoked: write('token.revoked'),
    keyRotated: write('key.rotated'),
    keyRevoked: write('key.revoked'),
    clientChanged: write('client.changed'),
    administrationRecorded: (event) => { if (!hasAdministration(logger)) writeAdministration(event) },
    ...(verified && { tokenVerified: write('token.verified') })
  })
}
