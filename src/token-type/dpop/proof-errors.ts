import { OAuth2Error } from '../../errors/oauth-error.ts'
import { StrategyError } from '../../errors/strategy-error.ts'

/** The reason why a proof is rejected, before it becomes the error of one side. `cause` is for the log. */
export class ProofRejection extends Error {}

/** The request has no proof. */
export class ProofMissing extends ProofRejection {}

/** The proof lacks the nonce of the server. */
export class NonceRequired extends ProofRejection {}

/** Returns the 400 of the token endpoint (RFC 9449 §5, §8). @param nonce the one to use, if the proof needs one and lacks it */
export function toTokenRequestError (cause: ProofRejection, nonce: string | undefined): OAuth2Error {
  return new OAuth2Error(codeOf(nonce), 400, describe(cause), { cause, headers: nonceFields(nonce) })
}

/** Returns the 401 of a protected resource (RFC 9449 §7.1, §9). @param nonce the one to use, if the proof needs one and lacks it */
export function toAccessError (cause: ProofRejection, nonce: string | undefined): StrategyError {
  return new StrategyError(codeOf(nonce), 401, describe(cause), { cause, headers: nonceFields(nonce) })
}

function codeOf (nonce: string | undefined): 'invalid_dpop_proof' | 'use_dpop_nonce' {
  return nonce === undefined ? 'invalid_dpop_proof' : 'use_dpop_nonce'
}

function describe (cause: ProofRejection): string {
  if (cause instanceof NonceRequired) return 'The DPoP proof must have the nonce of this answer'
  return cause instanceof ProofMissing ? 'A DPoP proof is required' : 'The DPoP proof is invalid'
}

// RFC 9449 §8, §8.2: exactly one nonce, readable by scripts of other origins, in a response that is not cached.
function nonceFields (nonce: string | undefined): Record<string, string> | undefined {
  return nonce === undefined ? undefined : { 'dpop-nonce': nonce, 'access-control-expose-headers': 'DPoP-Nonce, WWW-Authenticate', 'cache-control': 'no-store' }
}
