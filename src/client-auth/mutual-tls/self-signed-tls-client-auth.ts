import type { X509Certificate } from 'node:crypto'
import { FETCH } from '../../http-client/fetch-json.ts'
import { systemClock } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { thumbprintOf } from '../../lib/x509/thumbprint.ts'
import { checkOptions, CLOCK, required } from '../../options/check-options.ts'
import type { OptionsDescription } from '../../options/check-options.ts'
import { ON_ERROR } from '../../options/common-rules.ts'
import type { ClientAuthMethod } from '../client-auth-method.ts'
import { CLIENT_FINDER } from '../client-finder.ts'
import { ClientKeys } from '../client-keys.ts'
import type { ClientKeysOptions } from '../client-keys.ts'
import { certificateMethod, incomplete, registeredNames } from './certificate-method.ts'
import type { MutualTlsOptions } from './certificate-method.ts'

/** The options of selfSignedTlsClientAuth. */
export interface SelfSignedTlsOptions extends MutualTlsOptions, Pick<ClientKeysOptions, 'fetch' | 'onError'> {
  /** The clock for the age of keys from a jwks_uri, in seconds since 1970. Default the system clock. */
  now?: Clock
}

/** The description of these options. */
export const SELF_SIGNED_TLS_CLIENT_AUTH: OptionsDescription<SelfSignedTlsOptions> = {
  of: 'selfSignedTlsClientAuth', options: { clients: required(CLIENT_FINDER), fetch: FETCH, onError: ON_ERROR, now: CLOCK }, error: incomplete
}

/**
 * Creates the method self_signed_tls_client_auth (RFC 8705 §2.2): the client's certificate is registered in the `x5c` or the
 * `x5t#S256` of a key in `metadata.jwks`, or at `metadata.jwks_uri`. Does NOT validate its chain and its dates. A client that is also
 * registered by a certificate name uses tls_client_auth, unless its `token_endpoint_auth_method` says otherwise.
 *
 * An unavailable jwks_uri is invalid_client, with the reason in the log, if no recent keys are cached (ten minutes, and ten more
 * during an outage), or none has the certificate: a distinct status would reveal that the client exists.
 *
 * @throws FlowConfigurationError FST_OAUTH_AUTH_METHOD_INCOMPLETE, FST_OAUTH_UNKNOWN_OPTION
 */
export function selfSignedTlsClientAuth (options: SelfSignedTlsOptions): ClientAuthMethod {
  checkOptions(options, SELF_SIGNED_TLS_CLIENT_AUTH)
  const { clients, fetch, onError, now = systemClock } = options
  const clientKeys = new ClientKeys({ fetch, onError, now })
  return certificateMethod('self_signed_tls_client_auth', clients, 'keys', async ({ x509 }, metadata) => {
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

function hasCertificate (keys: readonly { readonly x5c?: unknown, readonly 'x5t#S256'?: unknown }[], x509: X509Certificate): boolean {
  // RFC 7517 §4.7: base64 of the DER, starting with the certificate of the key.
  const der = x509.raw.toString('base64')
  return keys.some(({ x5c, 'x5t#S256': thumbprint }) => (Array.isArray(x5c) && x5c[0] === der) || thumbprint === thumbprintOf(x509))
}
