import type { X509Certificate } from 'node:crypto'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { LruMap } from 'toad-cache'
import type { CertificateReader } from './client-certificate.ts'
import { CERTIFICATE_FORMATS, readCertificate } from './client-certificate-formats.ts'
import type { CertificateFormat } from './client-certificate-formats.ts'
import { FST_OAUTH_CLIENT_CERTIFICATE } from './errors.ts'
import { fieldValue } from './header-fields.ts'

/** How a proxy that ends TLS hands on the client's certificate. */
export interface ClientCertificateOptions {
  /** The addresses, or networks such as "10.0.0.0/8", of the proxies that are believed. From anybody else the field means nothing. */
  trustedProxies: readonly string[]
  /**
   * How the certificate is written: "rfc9440" as the field Client-Cert (RFC 9440), "nginx" as $ssl_client_escaped_cert,
   * "envoy" as the Cert of X-Forwarded-Client-Cert, of which there must be one element (SANITIZE_SET).
   */
  format: CertificateFormat
  /** The field that has it. Default "client-cert", for nginx "x-ssl-client-cert", for Envoy "x-forwarded-client-cert". */
  header?: string
  /**
   * Who says that the chain was validated, which tls_client_auth needs: true for a proxy that lets no other through, or the
   * name of a field that is then "SUCCESS", as $ssl_client_verify of nginx is. Default nobody.
   */
  verified?: true | string
}

// A certificate takes longer to parse than a token to verify. The one that was used longest ago goes first.
const MAX_CERTIFICATES = 1000
const FIELD_NAME = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * Reads certificates from a field that a trusted proxy sets. What comes from anybody else, is there twice or cannot be
 * read, is no certificate.
 *
 * @throws FST_OAUTH_CLIENT_CERTIFICATE for wrong options
 */
export function fromProxy (options: ClientCertificateOptions): CertificateReader {
  const { trustedProxies, format, header, verified } = options ?? {}
  const proxies = blockListOf(trustedProxies)
  if (!Object.hasOwn(CERTIFICATE_FORMATS, format) || proxies === undefined || ![header, verified === true ? undefined : verified].every(isFieldName)) {
    throw new FST_OAUTH_CLIENT_CERTIFICATE()
  }
  const field = (header ?? CERTIFICATE_FORMATS[format].field).toLowerCase()
  const verifiedField = typeof verified === 'string' ? verified.toLowerCase() : undefined
  const parsed = new LruMap<X509Certificate>(MAX_CERTIFICATES)

  return ({ socket: { remoteAddress }, rawHeaders }) => {
    // A peer without an address is at a Unix socket, or gone.
    if (remoteAddress === undefined || !proxies.check(remoteAddress, isIPv6(remoteAddress) ? 'ipv6' : 'ipv4')) return undefined
    const value = fieldValue(rawHeaders, field)
    const x509 = value === undefined ? undefined : parsed.get(value) ?? readCertificate(format, value)
    if (x509 === undefined) return undefined
    parsed.set(value as string, x509)
    return { x509, isTrusted: verifiedField === undefined ? verified === true : fieldValue(rawHeaders, verifiedField) === 'SUCCESS' }
  }
}

function isFieldName (name: unknown): boolean {
  return name === undefined || (typeof name === 'string' && FIELD_NAME.test(name))
}

function blockListOf (addresses: unknown): BlockList | undefined {
  if (!Array.isArray(addresses) || addresses.length === 0) return undefined
  const list = new BlockList()
  return addresses.every((address) => addTo(list, String(address))) ? list : undefined
}

function addTo (list: BlockList, text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined
  if (family === undefined || rest.length > 0) return false
  if (prefix === undefined) {
    list.addAddress(address, family)
    return true
  }
  const bits = Number(prefix)
  if (!/^\d+$/.test(prefix) || bits > (family === 'ipv4' ? 32 : 128)) return false
  list.addSubnet(address, bits, family)
  return true
}
