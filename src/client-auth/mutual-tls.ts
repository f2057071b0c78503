import type { X509Certificate } from 'node:crypto'
import { alternativeNames, isSameAlternativeName } from '../certificate/alternative-names.ts'
import type { AlternativeNameKind } from '../certificate/alternative-names.ts'
import { isSameName, parseDistinguishedName, parseSubject } from '../certificate/distinguished-name.ts'
import { thumbprintOf } from '../certificate/thumbprint.ts'
import { InvalidClientError } from '../errors.ts'
import { parameter } from '../form.ts'
import type { ClientCertificate, TokenRequest } from '../request.ts'
import type { ClientAuthMethod, ClientMetadata, Clients, PresentedClient } from './index.ts'

/** What the methods of mutual TLS need. */
export interface MutualTlsOptions {
  /** Finds the client that a request names, with its registered names or certificates in `metadata`. */
  clients: Pick<Clients, 'findClient'>
}

const ALTERNATIVE_NAMES: readonly [member: string, kind: AlternativeNameKind][] = [
  ['tls_client_auth_san_dns', 'DNS'],
  ['tls_client_auth_san_uri', 'URI'],
  ['tls_client_auth_san_ip', 'IP Address'],
  ['tls_client_auth_san_email', 'email']
]
const SUBJECT_DN = 'tls_client_auth_subject_dn'

/**
 * Makes the method tls_client_auth (RFC 8705 §2.1): the client's certificate is of an authority that the TLS layer trusts,
 * and has the one name that the client is registered by: its subject, compared as RFC 4514 writes it, or one of its
 * subject alternative names.
 *
 * Does NOT look at revocation lists: that is the TLS layer's work too.
 */
export function tlsClientAuth ({ clients }: MutualTlsOptions): ClientAuthMethod {
  return certificateMethod('tls_client_auth', clients, (certificate, metadata) => {
    const names = [SUBJECT_DN, ...ALTERNATIVE_NAMES.map(([member]) => member)].filter((member) => metadata[member] !== undefined)
    if (names.length === 0) return undefined
    if (names.length > 1) return 'the client is registered by more than one name (RFC 8705 section 2.1.2)'
    if (!certificate.isTrusted) return 'the chain of the certificate is not validated'
    return hasName(certificate.x509, metadata) ? true : 'the certificate has another name than the client is registered by'
  })
}

/**
 * Makes the method self_signed_tls_client_auth (RFC 8705 §2.2): the client's certificate is one of those that are
 * registered in the `x5c` or the `x5t#S256` of the keys in `metadata.jwks`. Its chain and its dates mean nothing.
 */
export function selfSignedTlsClientAuth ({ clients }: MutualTlsOptions): ClientAuthMethod {
  return certificateMethod('self_signed_tls_client_auth', clients, ({ x509 }, { jwks }) => {
    const keys = registeredKeys(jwks)
    if (keys.length === 0) return undefined
    return keys.some((key) => isCertificateOf(x509, key)) ? true : 'the certificate is not registered'
  })
}

/** True: it is the client's. A text: it is not, and why. Undefined: the client is not registered for this method. */
type Judge = (certificate: ClientCertificate, metadata: ClientMetadata) => true | string | undefined

function certificateMethod (name: string, clients: Pick<Clients, 'findClient'>, judge: Judge): ClientAuthMethod {
  return Object.freeze({
    name,
    authenticate (request: TokenRequest) {
      // Beside other credentials, a certificate is there for the token to be bound to.
      if (hasOtherCredentials(request)) return undefined
      // RFC 8705 §2: the client_id is there in every request.
      const clientId = parameter(request.form, 'client_id')
      const certificate = request.clientCertificate?.()
      return clientId === undefined || certificate === undefined ? undefined : prove(clientId, certificate)
    }
  })

  async function prove (clientId: string, certificate: ClientCertificate): Promise<PresentedClient | undefined> {
    const client = await clients.findClient(clientId)
    const registered = client?.metadata?.token_endpoint_auth_method
    if (client?.metadata === undefined || (registered !== undefined && registered !== name)) return undefined
    const verdict = judge(certificate, client.metadata)
    if (typeof verdict === 'string') throw new InvalidClientError(undefined, { cause: verdict })
    return verdict && { clientId: client.id }
  }
}

function hasOtherCredentials (request: TokenRequest): boolean {
  const { form } = request
  return request.header('authorization') !== undefined || parameter(form, 'client_secret') !== undefined || parameter(form, 'client_assertion') !== undefined
}

function hasName (x509: X509Certificate, metadata: ClientMetadata): boolean {
  const dn = metadata[SUBJECT_DN]
  if (dn !== undefined) {
    const [registered, subject] = [typeof dn === 'string' ? parseDistinguishedName(dn) : undefined, parseSubject(x509.subject)]
    return registered !== undefined && subject !== undefined && isSameName(registered, subject)
  }
  return ALTERNATIVE_NAMES.some(([member, kind]) => {
    const registered = metadata[member]
    return typeof registered === 'string' && alternativeNames(x509.subjectAltName, kind).some((name) => isSameAlternativeName(kind, name, registered))
  })
}

interface RegisteredKey { readonly x5c?: unknown, readonly 'x5t#S256'?: unknown }

function registeredKeys (jwks: unknown): RegisteredKey[] {
  const keys = (jwks as { keys?: unknown } | undefined)?.keys
  return Array.isArray(keys) ? keys.filter((key: RegisteredKey | null) => key?.x5c !== undefined || key?.['x5t#S256'] !== undefined) : []
}

function isCertificateOf (x509: X509Certificate, { x5c, 'x5t#S256': thumbprint }: RegisteredKey): boolean {
  // RFC 7517 §4.7: base64 of the DER, the certificate of the key first.
  return (Array.isArray(x5c) && x5c[0] === x509.raw.toString('base64')) || thumbprint === thumbprintOf(x509)
}
