import type { RequestRetried } from './events.ts'

/** Reasons for which a request is sent again. */
export type RetryReason = RequestRetried['reason']

/** Returns the reason for a retry from the WWW-Authenticate field of a 401 response (RFC 6750 §3.1, RFC 9449 §7.1, §9). */
export function retryReasonOf (fields: string | null | undefined): RetryReason | undefined {
  return /\berror\s*=\s*("?)(invalid_token|use_dpop_nonce|invalid_dpop_proof)\1(?=[\s,]|$)/.exec(fields ?? '')?.[2] as RetryReason | undefined
}
