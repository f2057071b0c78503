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

/** How a proxy that ends TLS hands on the client's certificate. */
export interface ClientCertificateOptions {
  /** The addresses, or networks such as "10.0.0.0/8", of the proxies that are believed. From anybody else the field means nothing. */
  trustedProxies: readonly string[]
  /**
   * How the certificate is written: "rfc9440" as the field Client-Cert (RFC 9440), "base64" as the base64 of its DER,
   * "nginx" as $ssl_client_escaped_cert, "apache" as SSL_CLIENT_CERT, "envoy" as the Cert of X-Forwarded-Client-Cert, of which
   * there must be one element (SANITIZE_SET), "haproxy" as ssl_c_der in base64, "traefik" as X-Forwarded-Tls-Client-Cert,
   * "cloudflare" as Cf-Client-Cert-Der-Base64, "aws-alb" as X-Amzn-Mtls-Clientcert-Leaf.
   */
  format: CertificateFormat
  /** The field that has it. Required for "base64". Default the one above; "x-ssl-client-cert" for nginx, Apache and HAProxy. */
  header?: string
  /**
   * How the validation of the chain is known, which tls_client_auth needs: true for a proxy that lets no other certificate
   * through; the name of a field that then has the value of the format ("SUCCESS" for nginx and Apache, "0" for HAProxy, "true"
   * for Cloudflare, where Cf-Cert-Revoked must be "false" besides; any of the three for "rfc9440" and "base64"); or several
   * fields with their values, which all must match. Default no chain is validated.
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

// A certificate takes longer to parse than a token to verify. The one that was used longest ago goes first.
const MAX_CERTIFICATES = 1000
const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * Reads certificates from a field that a trusted proxy sets. What comes from anybody else, is there twice or cannot be
 * read, is no certificate.
 *
 * @param options checked
 */
export function fromProxy (options: ClientCertificateOptions): CertificateReader {
  const { trustedProxies, format, header, verified } = options
  const isTrustedProxy = trustOf(trustedProxies) as Trust
  const name = (header ?? CERTIFICATE_FORMATS[format].field as string).toLowerCase()
  const conditions = conditionsOf(verified, format) as Condition[]
  const parsed = new LruMap<X509Certificate>(MAX_CERTIFICATES)

  return ({ socket: { remoteAddress }, rawHeaders }) => {
    // A peer without an address is at a Unix socket, or gone.
    if (remoteAddress === undefined || !isTrustedProxy(remoteAddress, 0)) return undefined
    const value = fieldValue(rawHeaders, name)
    const x509 = value === undefined ? undefined : parsed.get(value) ?? readCertificate(format, value)
    if (x509 === undefined) return undefined
    parsed.set(value as string, x509)
    const isTrusted = verified !== undefined && conditions.every(([field, values]) => values.includes(fieldValue(rawHeaders, field)))
    return { x509, isTrusted }
  }
}

/** A field, and the values of which it must have one. */
type Condition = readonly [field: string, values: ReadonlyArray<string | undefined>]

/** What must be so for a chain that was validated. Undefined for a wrong option. */
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

// @fastify/proxy-addr takes no network of all addresses.
const HALVES: Readonly<Record<number, readonly string[]>> = { 4: ['0.0.0.0/1', '128.0.0.0/1'], 6: ['::/1', '8000::/1'] }

/** Compiles addresses and networks. Undefined for a list with anything else, such as an address in octal. */
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
