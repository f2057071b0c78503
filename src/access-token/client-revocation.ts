import type { Revocation } from '../store/index.ts'

/**
 * Seconds ahead for which the tokens of a client are revoked that was just disabled: another process may not know of it
 * for one, and its clock may be ahead by another.
 */
export const UNTIL_DISABLED = 2

/**
 * Says that all tokens are invalid that were issued to a client until now, those of this very second included.
 *
 * @param times.ahead seconds: and those that are going to be issued in this time
 * @param times.keepFor seconds that the longest-living token of the client is accepted: a shorter time would make it valid again
 */
export function revocationOfClient (clientId: string, { now, ahead, keepFor }: { now: number, ahead: number, keepFor: number }): Revocation {
  const issuedBefore = now + 1 + ahead
  return { kind: 'client', id: clientId, issuedBefore, expiresAt: issuedBefore + keepFor }
}
