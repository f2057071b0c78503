import { StoreUnavailableError } from '../../errors/store-unavailable.ts'
import { RemoteUnavailableError } from '../../http-client/unavailable.ts'
import { nameErrors } from '../../lib/brand.ts'

/** An issuer that does not answer, or gives no usable answer. Nothing is known of the token: 503, as for a store. */
export class IssuerUnavailableError extends StoreUnavailableError {
  constructor ({ message, cause }: Error) {
    super(cause)
    this.message = message
  }
}

nameErrors(IssuerUnavailableError, 'IssuerUnavailableError')

/** Returns the error that a resource server answers with: 503 when the issuer is unavailable, others as they are. */
export function toVerificationError (error: unknown): unknown {
  return error instanceof RemoteUnavailableError ? new IssuerUnavailableError(error) : error
}
