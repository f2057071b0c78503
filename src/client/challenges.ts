import { allowInsecureRequests, customFetch, protectedResourceRequest, WWWAuthenticateChallengeError } from 'oauth4webapi'
import type { RequestRetried } from './events.ts'

/** Reasons for which a request is sent again. */
export type RetryReason = RequestRetried['reason']

const REASONS: readonly string[] = ['invalid_token', 'use_dpop_nonce', 'invalid_dpop_proof'] satisfies RetryReason[]
const ANY = new URL('https://any.example')

/** Returns the reason to send a request again that the challenges of a 401 response name (RFC 6750 §3.1, RFC 9449 §7.1, §9). */
export async function retryReasonOf (fields: string | null): Promise<RetryReason | undefined> {
  if (fields === null) return undefined
  const response = new Response(null, { status: 401, headers: { 'www-authenticate': fields } })
  try {
    // The parser of oauth4webapi is in its way to send a request.
    await protectedResourceRequest('-', 'GET', ANY, undefined, undefined, { [customFetch]: async () => response, [allowInsecureRequests]: true })
  } catch (error) {
    if (!(error instanceof WWWAuthenticateChallengeError)) throw error
    const errors = error.cause.filter(({ scheme }) => scheme === 'bearer' || scheme === 'dpop').map(({ parameters }) => parameters.error)
    return errors.find((code): code is RetryReason => code !== undefined && REASONS.includes(code))
  }
  return undefined
}
