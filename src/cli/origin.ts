import type { AuditOrigin } from '../stores/contracts/index.ts'
import type { Invocation } from './command.ts'

/** The origin of a change for its audit record: the user of the operating system, and the host. */
export function originOf ({ io: { user: { id, host } } }: Pick<Invocation, 'io'>): AuditOrigin {
  return { actor: { kind: 'user', id, host } }
}
