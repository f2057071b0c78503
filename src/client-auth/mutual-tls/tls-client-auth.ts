import type { X509Certificate } from 'node:crypto'
import { alternativeNames, isSameAlternativeName } from '../../lib/x509/alternative-names.ts'
import { isSameName, parseDistinguishedName, parseSubject } from '../../lib/x509/distinguished-name.ts'
import { checkOptions, required } from '../../options/check-options.ts'
import type { OptionsDescription } from '../../options/check-options.ts'
import type { ClientAuthMethod } from '../client-auth-method.ts'
import { CLIENT_FINDER } from '../client-finder.ts'
import { ALTERNATIVE_NAMES, certificateMethod, incomplete, registeredNames } from './certificate-method.ts'
import type { MutualTlsOptions } from './certificate-method.ts'

/** The options of tlsClientAuth. */
export const TLS_CLIENT_AUTH: OptionsDescription<MutualTlsOptions> = { of: 'tlsClientAuth', options: { clients: required(CLIENT_FINDER) }, error: incomplete }

/**
 * Creates the method tls_client_auth (RFC 8705 §2.1): the client's certificate is issued by an authority that the TLS layer trusts,
 * and has the name that is registered for the client: its subject, compared in the form of RFC 4514, or one of its subject
 * alternative names.
 *
 * Every authority that the TLS layer trusts can issue a certificate for every client: set `ca` on the server, or all authorities of
 * the public web are trusted. Does NOT check revocation lists: that is a task of the TLS layer too.
 *
 * @throws FlowConfigurationError FST_OAUTH_AUTH_METHOD_INCOMPLETE, FST_OAUTH_UNKNOWN_OPTION
 */
export function tlsClientAuth (options: MutualTlsOptions): ClientAuthMethod {
  checkOptions(options, TLS_CLIENT_AUTH)
  return certificateMethod('tls_client_auth', options.clients, 'certificate', async (certificate, metadata) => {
    const [name, ...others] = registeredNames(metadata)
    if (name === undefined) return undefined
    if (others.length > 0) return 'the client is registered by more than one name (RFC 8705 section 2.1.2)'
    if (!certificate.isTrusted) return 'the chain of the certificate is not validated'
    return hasName(certificate.x509, name, metadata[name])
  })
}

function hasName (x509: X509Certificate, member: string, registered: unknown): true | string {
  if (typeof registered !== 'string') return `the ${member} of the client is no text`
  const kind = ALTERNATIVE_NAMES.get(member)
  const isSame = kind === undefined
    ? hasSubject(x509, registered)
    : alternativeNames(x509.subjectAltName, kind).some((name) => isSameAlternativeName(kind, name, registered))
  return isSame || `the certificate has another name than the ${member} of the client`
}

function hasSubject (x509: X509Certificate, registered: string): boolean {
  const [dn, subject] = [parseDistinguishedName(registered), parseSubject(x509.subject)]
  return dn !== undefined && subject !== undefined && isSameName(dn, subject)
}
