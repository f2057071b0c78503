import { InvalidClientError } from '../../errors/oauth-error.ts'
import { parameter } from '../../http/form.ts'
import type { ClientCertificate, TokenRequest } from '../../http/plain-request.ts'
import { presentedCertificate } from '../../http/presented-certificate.ts'
import type { AlternativeNameKind } from '../../lib/x509/alternative-names.ts'
import { codedError } from '../../options/check-options.ts'
import type { ClientNeeds } from '../../stores/contracts/settings-store.ts'
import type { ClientAuthMethod, PresentedClient } from '../client-auth-method.ts'
import type { Clients } from '../clients.ts'
import type { ClientMetadata } from '../oauth2-client.ts'
import { readUnknownClient } from '../read-unknown-client.ts'

/** Options of the mutual TLS methods. */
export interface MutualTlsOptions {
  /** Finds the client that a request names. Its `metadata` contains the registered names or certificates. */
  clients: Pick<Clients, 'findClient'>
}

/** The error for invalid options of these methods. */
export const incomplete = codedError('FST_OAUTH_AUTH_METHOD_INCOMPLETE')

/** The members of a client's metadata that are subject alternative names (RFC 8705 §2.1.2). */
export const ALTERNATIVE_NAMES: ReadonlyMap<string, AlternativeNameKind> = new Map([
  ['tls_client_auth_san_dns', 'DNS'],
  ['tls_client_auth_san_uri', 'URI'],
  ['tls_client_auth_san_ip', 'IP Address'],
  ['tls_client_auth_san_email', 'email']
])
const NAMES = ['tls_client_auth_subject_dn', ...ALTERNATIVE_NAMES.keys()]

/** Returns the members by which the certificate of a client is registered. Treats null as absent, because databases return it. */
export function registeredNames (metadata: ClientMetadata): string[] {
  return NAMES.filter((member) => metadata[member] !== undefined && metadata[member] !== null)
}

/** Compares a certificate with the registered one: true, or the reason for a mismatch. Undefined if nothing is registered to compare with. */
type CompareCertificate = (certificate: ClientCertificate, metadata: ClientMetadata) => Promise<true | string | undefined>

/** Creates a mutual TLS method (RFC 8705 §2): the client authenticates by its certificate. */
export function certificateMethod (name: string, clients: Pick<Clients, 'findClient'>, needs: ClientNeeds, compare: CompareCertificate): ClientAuthMethod {
  return Object.freeze({
    name,
    needs,
    mechanism: 'client_certificate',
    // In addition to other credentials, a certificate only serves to bind the token.
    isSecondary: true,
    // RFC 8705 §2: every request contains the client_id.
    carries: (request: TokenRequest) => parameter(request.form, 'client_id') !== undefined && presentedCertificate(request) !== undefined,
    authenticate (request: TokenRequest) {
      const clientId = parameter(request.form, 'client_id')
      const certificate = presentedCertificate(request)
      return clientId === undefined || certificate === undefined ? undefined : prove(clientId, certificate)
    }
  })

  async function prove (clientId: string, certificate: ClientCertificate): Promise<PresentedClient | undefined> {
    const client = await clients.findClient(clientId)
    if (client === undefined) return undefined
    const registered = client.metadata?.token_endpoint_auth_method
    const isOwn = client.metadata !== undefined && (registered === undefined || registered === name)
    const { metadata = {} } = client
    const outcome = isOwn ? await compare(certificate, metadata) : undefined
    if (outcome !== true) await readUnknownClient(clients)
    if (!isOwn) return undefined
    if (outcome === true) return { kind: 'verified', clientId: client.id, clientAuthData: client, ...(typeof metadata.jwks_uri === 'string' && { recheck: () => recheck(certificate, client.id, metadata) }) }
    // Without a registered method, the client may use another one.
    if (outcome === undefined && registered === undefined) return undefined
    throw new InvalidClientError(undefined, { cause: outcome ?? `the client ${client.id} is registered for ${name}, and nothing that its certificate could be compared with` })
  }

  async function recheck (certificate: ClientCertificate, clientId: string, metadata: ClientMetadata): Promise<void> {
    if (await compare(certificate, metadata) === true) return
    throw new InvalidClientError(undefined, { cause: `the certificate of the client ${clientId} was removed while its request was under way` })
  }
}
