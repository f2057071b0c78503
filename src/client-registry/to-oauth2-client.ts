import { GRANT_TYPE } from '../client-auth/oauth2-client.ts'
import type { ClientMetadata, OAuth2Client } from '../client-auth/oauth2-client.ts'
import type { CertificateName, StoredClient } from '../stores/contracts/index.ts'

/** RFC 8705 §2.1.2. */
const CERTIFICATE_METADATA: Readonly<Record<string, string>> = {
  subjectDn: 'tls_client_auth_subject_dn',
  sanDns: 'tls_client_auth_san_dns',
  sanUri: 'tls_client_auth_san_uri',
  sanIp: 'tls_client_auth_san_ip',
  sanEmail: 'tls_client_auth_san_email'
}

/** The kinds of name in a certificate that a client can be known by. */
export const CERTIFICATE_NAMES = Object.keys(CERTIFICATE_METADATA)

/** Makes of a stored client what the token endpoint works with. Frozen, since all requests of the client share it. */
export function toOAuth2Client ({ id, scopes, defaultScopes, audiences, introspects, accessTokenLifetime, generation = 0, ...stored }: StoredClient): OAuth2Client {
  const metadata = toMetadata(stored)
  return deepFreeze({
    id,
    grants: [GRANT_TYPE],
    scopes,
    ...(defaultScopes && { defaultScopes }),
    ...(audiences && { audiences }),
    ...(introspects && { introspects }),
    ...(accessTokenLifetime !== undefined && { accessTokenLifetime }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(generation > 0 && { generation })
  })
}

function toMetadata ({ authMethods, jwks, jwksUri, certificateName, senderConstraint }: Partial<StoredClient>): ClientMetadata {
  const [authMethod] = authMethods ?? []
  return {
    // RFC 7591 §2 knows one method only. That of several each will do, the registry sees to.
    ...(authMethod !== undefined && authMethods?.length === 1 && { token_endpoint_auth_method: authMethod }),
    ...(jwks && { jwks }),
    ...(jwksUri !== undefined && { jwks_uri: jwksUri }),
    ...(certificateName && toCertificateMetadata(certificateName)),
    // RFC 9449 §5.2, RFC 8705 §3.4
    ...(senderConstraint === 'dpop' && { dpop_bound_access_tokens: true }),
    ...(senderConstraint === 'mtls' && { tls_client_certificate_bound_access_tokens: true })
  }
}

function toCertificateMetadata (name: CertificateName): Record<string, string> {
  return Object.fromEntries(Object.entries(name).map(([kind, value]) => [CERTIFICATE_METADATA[kind], value]))
}

function deepFreeze<T> (value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze)
  return value
}
