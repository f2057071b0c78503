import { hasAdministration } from '../events/administration.ts'
import type { RequestEvent } from '../events/event-types.ts'
import { checkArgument, checkOptions, flag, required, withMethods } from '../options/check-options.ts'
import type { OptionsDescription, Rule } from '../options/check-options.ts'
import { listen } from './listen.ts'

/** As much of pino, and of `app.log`, as is used here. */
export interface AuditLogger {
  info (line: object, message: string): void
}

/** What goes into the audit log. */
export interface AuditLogOptions {
  /** Whether each request with a valid token is a line, too. Default true. */
  verified?: boolean
}

const LOGGER: Rule<AuditLogger> = { ...withMethods<AuditLogger>('a logger', 'info'), fix: 'Pass app.log' }

/** The options of auditLog. */
export const AUDIT_LOG: OptionsDescription<AuditLogOptions> = { of: 'auditLog', options: { verified: flag() } }

/**
 * Writes a line for every decision, at info: which client got a token or did not, whose token was accepted or was not, each
 * change of clients and keys in this process, and each audit record, of the command line and of other processes too, unless
 * the plugin writes these to the same log: it writes them to that of its server. The event is the member `audit` of the line; `reqId` is that of Fastify's lines for the same request.
 *
 * @returns ends it
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
