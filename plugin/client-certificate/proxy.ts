import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import proxyAddr from '@fastify/proxy-addr'
import { LruMap } from 'toad-cache'
import { required } from '../../src/adapter.ts'
import type { OptionsDescription } from '../../src/adapter.ts'
import { FST_OAUTH_CLIENT_CERTIFICATE } from '../errors.ts'
import { fieldValue } from '../header-fields.ts'
import { CERTIFICATE_FORMATS, readCertificate } from './formats.ts'
import type { CertificateFormat } from './formats.ts'
import type { CertificateReader } from './tls-socket.ts'

/** Options for a proxy that terminates TLS and forwards the client certificate. */
export interface ClientCertificateOptions {
  /** The addresses, or networks such as "10.0.0.0/8", of the trusted proxies. The field is ignored in requests from other addresses. */
  trustedProxies: readonly string[]
  /**
   * The format of the certificate: "rfc9440" for the field Client-Cert (RFC 9440), "base64" for the base64 of its DER,
   * "nginx" for $ssl_client_escaped_cert, "apache" for SSL_CLIENT_CERT, "envoy" for the Cert of X-Forwarded-Client-Cert, which
   * must have one element (SANITIZE_SET), "haproxy" for ssl_c_der in base64, "traefik" for X-Forwarded-Tls-Client-Cert,
   * "cloudflare" for Cf-Client-Cert-Der-Base64, "aws-alb" for X-Amzn-Mtls-Clientcert-Leaf.
   */
  format: CertificateFormat
  /** The field that contains it. Required for "base64". Default the one above; "x-ssl-client-cert" for nginx, Apache and HAProxy. */
  header?: string
  /**
   * How the proxy reports that it has validated the chain, which tls_client_auth requires. true: the proxy forwards validated
   * certificates only. The name of a field: its value must be that of the format ("SUCCESS" for nginx and Apache, "0" for HAProxy,
   * "true" for Cloudflare, where Cf-Cert-Revoked must also be "false"; any of the three for "rfc9440" and "base64"). An object of
   * fields and values: all must match. Default: no chain counts as validated.
   */
  verified?: true | string | Readonly<Record<string, string>>
}

/** The option clientCertificate of clientCredentialsPlugin. */
export const CLIENT_CERTIFICATE: OptionsDescription<ClientCertificateOptions> = {
  of: 'clientCredentialsPlugin',
  options: {
    trustedProxies: required({ accepts: (value) => trustOf(value) !== undefined, demand: 'an array of at least one IP address or network' }),
    format: required({ accepts: isFormat, demand: `one of ${Object.keys(CERTIFICATE_FORMATS).join(', ')}` }),
    header: { accepts: isFieldName, demand: 'the name of a header field' },
    verified: {
      accepts: (value, { format }) => isFormat(format) && conditionsOf(value as true, format) !== undefined,
      demand: 'true, the name of a header field, or an object of header fields and their values'
    }
  },
  together: ({ format, header }) => header === undefined && CERTIFICATE_FORMATS[format].field === undefined
    ? `The option "clientCertificate.header" is required for the format "${format}". Pass the name of the header field`
    : undefined,
  error: () => new FST_OAUTH_CLIENT_CERTIFICATE()
}

// Parsing a certificate takes longer than verifying a token. The least recently used one is evicted.
const MAX_CERTIFICATES = 1000
const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * Reads certificates from a field that a trusted proxy sets. Ignores a field from any other address, a repeated field, and an
 * invalid certificate.
 *
 * @param options validated
 */
export function fromProxy (options: ClientCertificateOptions): CertificateReader {
  const { trustedProxies, format, header, verified } = options
  const isTrustedProxy = trustOf(trustedProxies) as Trust
  const name = (header ?? CERTIFICATE_FORMATS[format].field as string).toLowerCase()
  const conditions = conditionsOf(verified, format) as Condition[]
  const parsed = new LruMap<X509Certificate>(MAX_CERTIFICATES)

  return ({ socket: { remoteAddress }, rawHeaders }) => {
    // A peer without an address is connected by a Unix socket, or has disconnected.
    if (remoteAddress === undefined || !isTrustedProxy(remoteAddress, 0)) return undefined
    const value = fieldValue(rawHeaders, name)
    const x509 = value === undefined ? undefined : parsed.get(value) ?? readCertificate(format, value)
    if (x509 === undefined) return undefined
    parsed.set(value as string, x509)
    const isTrusted = verified !== undefined && conditions.every(([field, values]) => values.includes(fieldValue(rawHeaders, field)))
    return { x509, isTrusted }
  }
}

/** A field, and its accepted values. */
type Condition = readonly [field: string, values: ReadonlyArray<string | undefined>]

/** Returns the conditions that prove a validated chain. Undefined for an invalid option. */
function conditionsOf (verified: ClientCertificateOptions['verified'], format: CertificateFormat): Condition[] | undefined {
  if (verified === undefined || verified === true) return []
  const { success, besides = {} } = CERTIFICATE_FORMATS[format]
  if (typeof verified === 'string') return isFieldName(verified) ? [[verified.toLowerCase(), success], ...toConditions(besides)] : undefined
  if (typeof verified !== 'object' || verified === null || Array.isArray(verified)) return undefined
  const pairs = Object.entries(verified)
  const isRight = pairs.length > 0 && pairs.every(([field, value]) => isFieldName(field) && typeof value === 'string' && value !== '')
  return isRight ? toConditions(verified) : undefined
}

function toConditions (fields: Readonly<Record<string, string>>): Condition[] {
  return Object.entries(fields).map(([field, value]) => [field.toLowerCase(), [value]])
}

function isFormat (name: unknown): name is CertificateFormat {
  return typeof name === 'string' && Object.hasOwn(CERTIFICATE_FORMATS, name)
}

function isFieldName (name: unknown): name is string {
  return typeof name === 'string' && FIELD_NAME.test(name)
}

type Trust = ReturnType<typeof proxyAddr.compile>

// @fastify/proxy-addr does not accept a network that contains all addresses.
const HALVES: Readonly<Record<number, readonly string[]>> = { 4: ['0.0.0.0/1', '128.0.0.0/1'], 6: ['::/1', '8000::/1'] }

/** Compiles addresses and networks. Undefined if the array contains anything else, such as an octal address. */
function trustOf (addresses: unknown): Trust | undefined {
  if (!Array.isArray(addresses) || addresses.length === 0) return undefined
  const families = addresses.map((address) => isIP(String(address).split('/', 1)[0]!))
  if (families.includes(0)) return undefined
  try {
    return proxyAddr.compile(addresses.flatMap((address, index) => String(address).endsWith('/0') ? HALVES[families[index]!]! : [String(address)]))
  } catch {
    return undefined
  }
}
