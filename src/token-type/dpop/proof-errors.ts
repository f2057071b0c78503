import { OAuth2Error, StrategyError } from '../../errors/oauth-errors.ts'
import type { ProtocolErrorOptions } from '../../errors/protocol-error.ts'
import { nameErrors } from '../../lib/brand.ts'

/** The reason that a proof is refused for, before it is known on which side. `cause` is for the log. */
export class ProofRefusal extends Error {}

/** There is no proof at all. */
export class ProofMissing extends ProofRefusal {}

/** The server wants a nonce in the proof, another one than it has, if any. */
export class NonceWanted extends ProofRefusal {}

type DPoPErrorOptions = ProtocolErrorOptions & { nonce?: string | undefined }

function describe (cause: unknown): string {
  if (cause instanceof NonceWanted) return 'The DPoP proof must have the nonce of this answer'
  return cause instanceof ProofMissing ? 'A DPoP proof is required' : 'The DPoP proof is invalid'
}

// Not enumerable: a log that prints the members of an error has no use for it.
function keepNonce (error: object, nonce: string | undefined): void {
  Object.defineProperty(error, 'nonce', { value: nonce })
}

// RFC 9449 §8, §8.2: exactly one nonce, for scripts of other origins to read, in an answer that nobody keeps.
function withNonce (headers: Record<string, string>, nonce: string | undefined): Record<string, string> {
  if (nonce === undefined) return headers
  return { ...headers, 'dpop-nonce': nonce, 'access-control-expose-headers': 'DPoP-Nonce, WWW-Authenticate', 'cache-control': 'no-store' }
}

/** 400 at the token endpoint: the proof is missing or wrong, or lacks the server's nonce (RFC 9449 §5, §8). */
export class InvalidDPoPProofError extends OAuth2Error {
  declare readonly nonce: string | undefined

  constructor ({ nonce, ...options }: DPoPErrorOptions = {}) {
    super(nonce === undefined ? 'invalid_dpop_proof' : 'use_dpop_nonce', 400, describe(options.cause), options)
    keepNonce(this, nonce)
  }

  override get headers (): Record<string, string> {
    return withNonce(super.headers, this.nonce)
  }
}

/** 401 at a resource: the proof is missing or wrong, or lacks the server's nonce (RFC 9449 §7.1, §9). */
export class StrategyInvalidDPoPProofError extends StrategyError {
  declare readonly nonce: string | undefined

  constructor ({ nonce, ...options }: DPoPErrorOptions = {}) {
    super(nonce === undefined ? 'invalid_dpop_proof' : 'use_dpop_nonce', 401, describe(options.cause), options)
    keepNonce(this, nonce)
  }

  override get headers (): Record<string, string> {
    return withNonce(super.headers, this.nonce)
  }
}

nameErrors(InvalidDPoPProofError, 'InvalidDPoPProofError')
nameErrors(StrategyInvalidDPoPProofError, 'StrategyInvalidDPoPProofError')
