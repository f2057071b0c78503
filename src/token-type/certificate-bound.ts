import { InvalidRequestError } from '../errors/oauth-error.ts'
import { StrategyInvalidTokenError } from '../errors/strategy-error.ts'
import type { PlainRequest, TokenRequest } from '../http/plain-request.ts'
import { presentedCertificate } from '../http/presented-certificate.ts'
import { thumbprintOf } from '../lib/x509/thumbprint.ts'
import type { Confirmation, Proof, TokenType } from './token-type.ts'

/**
 * Bearer tokens that are bound to the client's certificate (RFC 8705 §3): a token is accepted only over a connection that was
 * opened with the same certificate. The issuer of the certificate does not matter: the handshake proves possession of its key.
 *
 * If several types are set, a certificate in a token request selects this one, unless the proof of an earlier type is
 * present too. Set DPoP first: a client with a DPoP key may present its certificate for authentication only.
 */
export class CertificateBoundTokenType implements TokenType {
  readonly name = 'Bearer'
  readonly confirmationName = 'x5t#S256'
  readonly metadata = Object.freeze({ tls_client_certificate_bound_access_tokens: true })

  isPresented (request: PlainRequest): boolean {
    return presentedCertificate(request) !== undefined
  }

  /** @throws InvalidRequestError without a certificate */
  confirmTokenRequest (request: TokenRequest): Confirmation {
    const confirmation = confirmationOf(request)
    if (confirmation === undefined) throw new InvalidRequestError('A client certificate is needed, to bind the access token to')
    return confirmation
  }

  /** @throws StrategyInvalidTokenError without a certificate */
  confirmAccess (request: PlainRequest): Proof {
    const confirmation = confirmationOf(request)
    if (confirmation === undefined) throw new StrategyInvalidTokenError(undefined, { cause: 'the request comes without a client certificate' })
    return { confirmation }
  }
}

function confirmationOf (request: PlainRequest): Confirmation | undefined {
  const certificate = presentedCertificate(request)
  return certificate && { 'x5t#S256': thumbprintOf(certificate.x509) }
}
