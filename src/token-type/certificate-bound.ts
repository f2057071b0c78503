import { InvalidRequestError } from '../errors/oauth-error.ts'
import { StrategyInvalidTokenError } from '../errors/strategy-error.ts'
import type { PlainRequest, TokenRequest } from '../http/plain-request.ts'
import { presentedCertificate } from '../http/presented-certificate.ts'
import { thumbprintOf } from '../lib/x509/thumbprint.ts'
import type { Confirmation, Proof, TokenType } from './token-type.ts'

/**
 * Bearer tokens that are bound to the client's certificate (RFC 8705 §3): whoever shows one does so over a connection
 * that the same certificate has opened. Any certificate binds, whoever has signed it: the handshake proves its key.
 *
 * Where several types are set, a certificate in a token request picks this one, unless a type that stands before it is
 * presented too. Set DPoP before it: a client that proves a key may show its certificate to authenticate only.
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
