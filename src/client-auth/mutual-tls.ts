import type { X509Certificate } from 'node:crypto'
import { InvalidClientError } from '../errors/oauth-errors.ts'
import { FETCH } from '../http-client/fetch-json.ts'
import { parameter } from '../http/form.ts'
import type { ClientCertificate, TokenRequest } from '../http/plain-request.ts'
import { presentedCertificate } from '../http/presented-certificate.ts'
import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { alternativeNames, isSameAlternativeName } from '../lib/x509/alternative-names.ts'
import type { AlternativeNameKind } from '../lib/x509/alternative-names.ts'
import { isSameName, parseDistinguishedName, parseSubject } from '../lib/x509/distinguished-name.ts'
import { thumbprintOf } from '../lib/x509/thumbprint.ts'
import { checkOptions, CLOCK, codedError, required } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import { ON_ERROR } from '../options/common-rules.ts'
import type { ClientAuthMethod, PresentedClient } from './client-auth-method.ts'
import { CLIENT_FINDER } from './client-finder.ts'
import { ClientKeys } from './client-keys.ts'
import type { ClientKeysOptions } from './client-keys.ts'
import type { Clients } from './clients.ts'
import type { ClientMetadata } from './oauth2-client.ts'
import { readUnknownClient } from './read-unknown-client.ts'

/** What the methods of mutual TLS need. */
export interface MutualTlsOptions {
  /** Finds the client that a request names, with its registered names or certificates in `metadata`. */
  clients: Pick<Clients, 'findClient'>
}

/** What certificates are compared with that no authority has signed. */
export interface SelfSignedTlsOptions extends MutualTlsOptions, Pick<ClientKeysOptions, 'fetch' | 'onError'> {
  /** Seconds since 1970, for the age of what was read from a jwks_uri. Default the system's. */
  now?: Clock
}

const incomplete = codedError('FST_OAUTH_AUTH_METHOD_INCOMPLETE')

/** The options of tlsClientAuth. */
export const TLS_CLIENT_AUTH: OptionsDescription<MutualTlsOptions> = { of: 'tlsClientAuth', options: { clients: required(CLIENT_FINDER) }, error: incomplete }

/** The options of selfSignedTlsClientAuth. */
export const SELF_SIGNED_TLS_CLIENT_AUTH: OptionsDescription<SelfSignedTlsOptions> = {
  of: 'selfSignedTlsClientAuth', options: { clients: required(CLIENT_FINDER), fetch: FETCH, onError: ON_ERROR, now: CLOCK }, error: incomplete
}

const ALTERNATIVE_NAMES: ReadonlyMap<string, AlternativeNameKind> = new Map([
  ['tls_client_auth_san_dns', 'DNS'],
  ['tls_client_auth_san_uri', 'URI'],
  ['tls_client_auth_san_ip', 'IP Address'],
  ['tls_client_auth_san_email', 'email']
])
const NAMES = ['tls_client_auth_subject_dn', ...ALTERNATIVE_NAMES.keys()]

/**
 * Makes the method tls_client_auth (RFC 8705 §2.1): the client's certificate is of an authority that the TLS layer trusts,
 * and has the one name that the client is registered by: its subject, compared as RFC 4514 writes it, or one of its
 * subject alternative names.
 *
 * Every authority that the TLS layer trusts may vouch for every client: give the server a `ca`, or those of the public
 * web are all trusted. Does NOT look at revocation lists: that is the TLS layer's work too.
 *
 * @throws FlowConfigurationError FST_OAUTH_AUTH_METHOD_INCOMPLETE, FST_OAUTH_UNKNOWN_OPTION
 */
export function tlsClientAuth (options: MutualTlsOptions): ClientAuthMethod {
  checkOptions(options, TLS_CLIENT_AUTH)
  return certificateMethod('tls_client_auth', options.clients, async (certificate, metadata) => {
    const [name, ...others] = registeredNames(metadata)
    if (name === undefined) return undefined
    if (others.length > 0) return 'the client is registered by more than one name (RFC 8705 section 2.1.2)'
    if (!certificate.isTrusted) return 'the chain of the certificate is not validated'
    return hasName(certificate.x509, name, metadata[name])
  })
}

/**
 * Makes the method self_signed_tls_client_auth (RFC 8705 §2.2): the client's certificate is one of those that are
 * registered in the `x5c` or the `x5t#S256` of the keys in `metadata.jwks`, or at `metadata.jwks_uri`. Its chain and its
 * dates mean nothing. A client that is registered by a name too is one of tls_client_auth, unless its
 * `token_endpoint_auth_method` says otherwise.
 *
 * A jwks_uri that is unavailable is invalid_client, with the reason in the log, if no keys are held that are recent enough (ten minutes,
 * and ten more during an outage), or none that has the certificate: another status would tell that there is such a client.
 *
 * @throws FlowConfigurationError FST_OAUTH_AUTH_METHOD_INCOMPLETE, FST_OAUTH_UNKNOWN_OPTION
 */
export function selfSignedTlsClientAuth (options: SelfSignedTlsOptions): ClientAuthMethod {
  checkOptions(options, SELF_SIGNED_TLS_CLIENT_AUTH)
  const { clients, fetch, onError, now = systemClock } = options
  const clientKeys = new ClientKeys({ fetch, onError, now })
  return certificateMethod('self_signed_tls_client_auth', clients, async ({ x509 }, metadata) => {
    if (metadata.token_endpoint_auth_method === undefined && registeredNames(metadata).length > 0) return undefined
    const found = await clientKeys.find(metadata)
    if (found === undefined) return undefined
    const { current } = found
    const missing = { name: thumbprintOf(x509), isHeld: false }
    const isRegistered = hasCertificate(current.keys, x509) || hasCertificate((await found.renew(missing)).keys, x509)
    if (isRegistered) return true
    return current.keys.some(({ x5c, 'x5t#S256': thumbprint }) => x5c !== undefined || thumbprint !== undefined) ? 'the certificate is not registered' : undefined
  })
}

/** True: it is the client's. A text: it is not, and why. Undefined: nothing is registered that it could be compared with. */
type Judge = (certificate: ClientCertificate, metadata: ClientMetadata) => Promise<true | string | undefined>

function certificateMethod (name: string, clients: Pick<Clients, 'findClient'>, judge: Judge): ClientAuthMethod {
  return Object.freeze({
    name,
    needs: name === 'tls_client_auth' ? 'certificate' as const : 'keys' as const,
    authenticate (request: TokenRequest) {
      // Beside other credentials, a certificate is there for the token to be bound to.
      if (hasOtherCredentials(request)) return undefined
      // RFC 8705 §2: the client_id is there in every request.
      const clientId = parameter(request.form, 'client_id')
      const certificate = clientId === undefined ? undefined : presentedCertificate(request)
      return certificate === undefined ? undefined : prove(clientId as string, certificate)
    }
  })

  async function prove (clientId: string, certificate: ClientCertificate): Promise<PresentedClient | undefined> {
    const client = await clients.findClient(clientId)
    if (client === undefined) return undefined
    const registered = client.metadata?.token_endpoint_auth_method
    const isOwn = client.metadata !== undefined && (registered === undefined || registered === name)
    const { metadata = {} } = client
    const verdict = isOwn ? await judge(certificate, metadata) : undefined
    if (verdict !== true) await readUnknownClient(clients)
    if (!isOwn) return undefined
    if (verdict === true) return { clientId: client.id, clientAuthData: client, ...(typeof metadata.jwks_uri === 'string' && { recheck: () => recheck(certificate, client.id, metadata) }) }
    // Without a word on its method, the client may be one of another.
    if (verdict === undefined && registered === undefined) return undefined
    throw new InvalidClientError(undefined, { cause: verdict ?? `the client ${client.id} is registered for ${name}, and nothing that its certificate could be compared with` })
  }

  async function recheck (certificate: ClientCertificate, clientId: string, metadata: ClientMetadata): Promise<void> {
    if (await judge(certificate, metadata) === true) return
    throw new InvalidClientError(undefined, { cause: `the certificate of the client ${clientId} was removed while its request was under way` })
  }
}

function hasOtherCredentials (request: TokenRequest): boolean {
  const { form } = request
  return request.header('authorization') !== undefined || parameter(form, 'client_secret') !== undefined || parameter(form, 'client_assertion') !== undefined
}

// Null is what a database has for nothing.
function registeredNames (metadata: ClientMetadata): string[] {
  return NAMES.filter((member) => metadata[member] !== undefined && metadata[member] !== null)
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

function hasCertificate (keys: readonly { readonly x5c?: unknown, readonly 'x5t#S256'?: unknown }[], x509: X509Certificate): boolean {
  // RFC 7517 §4.7: base64 of the DER, the certificate of the key first.
  const der = x509.raw.toString('base64')
  return keys.some(({ x5c, 'x5t#S256': thumbprint }) => (Array.isArray(x5c) && x5c[0] === der) || thumbprint === thumbprintOf(x509))
}
