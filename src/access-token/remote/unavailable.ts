import { StoreUnavailableError } from '../../errors/store-unavailable.ts'
import { RemoteUnavailableError } from '../../http-client/unavailable.ts'
import { nameErrors } from '../../lib/brand.ts'

/** An issuer that does not respond, or sends no usable response. The token may be valid: 503, as for a store. */
export class IssuerUnavailableError extends StoreUnavailableError {
  constructor ({ message, cause }: Error) {
    super(cause)
    this.message = message
  }
}

nameErrors(IssuerUnavailableError, 'IssuerUnavailableError')

/** Converts an error to that of the resource server: 503 if the issuer is unavailable, others unchanged. */
export function toVerificationError (error: unknown): unknown {
  return error instanceof RemoteUnavailableError ? new IssuerUnavailableError(error) : error
}
