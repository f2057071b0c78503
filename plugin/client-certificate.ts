import { X509Certificate } from 'node:crypto'
import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificate } from '../src/index.ts'
import { FST_OAUTH_CLIENT_CERTIFICATE } from './errors.ts'
import { fieldValues } from './header-fields.ts'

/** How a proxy that ends TLS hands on the client's certificate. */
export interface ClientCertificateOptions {
  /** The addresses, or networks such as "10.0.0.0/8", of the proxies that are believed. From anybody else the field means nothing. */
  trustedProxies: readonly string[]
  /**
   * How the certificate is written: "rfc9440" as the field Client-Cert (RFC 9440), "nginx" as $ssl_client_escaped_cert,
   * "envoy" as the Cert of X-Forwarded-Client-Cert.
   */
  format: 'rfc9440' | 'nginx' | 'envoy'
  /** The field that has it. Default "client-cert", for nginx "x-ssl-client-cert", for Envoy "x-forwarded-client-cert". */
  header?: string
  /**
   * Who says that the chain was validated, which tls_client_auth needs: true for a proxy that lets no other through, or the
   * name of a field that is then "SUCCESS", as $ssl_client_verify of nginx is. Default nobody.
   */
  verified?: true | string
}

/** As much of Node's request as has a certificate. */
export interface CertifiedRequest {
  readonly socket: Socket
  readonly rawHeaders: readonly string[]
}

/** Reads the certificate of the client who sent a request. */
export type CertificateReader = (request: CertifiedRequest) => ClientCertificate | undefined

const FIELDS = { rfc9440: 'client-cert', nginx: 'x-ssl-client-cert', envoy: 'x-forwarded-client-cert' } as const

/** Reads certificates from the TLS layer of this process. Made once for each connection. */
export function fromTlsSocket (): CertificateReader {
  const certificates = new WeakMap<Socket, ClientCertificate>()
  return ({ socket }) => {
    const known = certificates.get(socket)
    if (known !== undefined) return known
    const tls = socket as Partial<TLSSocket>
    const x509 = tls.getPeerX509Certificate?.()
    if (x509 === undefined) return undefined
    const certificate = Object.freeze({ x509, isTrusted: tls.authorized === true })
    certificates.set(socket, certificate)
    return certificate
  }
}

/**
 * Reads certificates from a field that a trusted proxy sets. What comes from anybody else, is there twice or cannot be
 * read, is no certificate.
 *
 * @throws FST_OAUTH_CLIENT_CERTIFICATE for wrong options
 */
export function fromProxy ({ trustedProxies, format, header, verified }: ClientCertificateOptions): CertificateReader {
  const field = (header ?? FIELDS[format])?.toLowerCase()
  const proxies = blockListOf(trustedProxies)
  if (field === undefined || proxies === undefined || !isVerified(verified)) throw new FST_OAUTH_CLIENT_CERTIFICATE()
  const verifiedField = typeof verified === 'string' ? verified.toLowerCase() : undefined

  return ({ socket, rawHeaders }) => {
    const { remoteAddress = '' } = socket
    if (!proxies.check(remoteAddress, isIPv6(remoteAddress) ? 'ipv6' : 'ipv4')) return undefined
    const values = fieldValues(rawHeaders, field)
    const x509 = values.length === 1 ? readCertificate(format, values[0] as string) : undefined
    if (x509 === undefined) return undefined
    const isTrusted = verifiedField === undefined ? verified === true : fieldValues(rawHeaders, verifiedField).join() === 'SUCCESS'
    return { x509, isTrusted }
  }
}

function isVerified (verified: unknown): boolean {
  return verified === undefined || verified === true || (typeof verified === 'string' && verified !== '')
}

function blockListOf (addresses: readonly string[]): BlockList | undefined {
  const list = new BlockList()
  if (!Array.isArray(addresses) || addresses.length === 0) return undefined
  for (const text of addresses) {
    const [address = '', prefix] = String(text).split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    const bits = Number(prefix)
    if (isIP(address) === 0 || (prefix !== undefined && !(/^\d+$/.test(prefix) && bits <= (family === 'ipv6' ? 128 : 32)))) return undefined
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, bits, family)
  }
  return list
}

function readCertificate (format: ClientCertificateOptions['format'], value: string): X509Certificate | undefined {
  try {
    const encoded = ENCODINGS[format](value)
    return encoded === undefined ? undefined : new X509Certificate(encoded)
  } catch {
    return undefined
  }
}

// RFC 9440 §2.2, RFC 9651 §3.3.5: a byte sequence, between colons.
const BYTES = /^:([A-Za-z0-9+/]+={0,2}):$/
const ENVOY_CERT = /(?:^|;)Cert="?([^";,]+)"?(?:;|$)/i

const ENCODINGS: Record<ClientCertificateOptions['format'], (value: string) => Buffer | string | undefined> = {
  rfc9440 (value) {
    const [, base64] = BYTES.exec(value.trim()) ?? []
    return base64 === undefined ? undefined : Buffer.from(base64, 'base64')
  },
  nginx: (value) => value === '' ? undefined : decodeURIComponent(value),
  envoy (value) {
    // One element for each proxy on the way: which of them is the client's, nobody can say.
    if (value.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').includes(',')) return undefined
    const [, encoded] = ENVOY_CERT.exec(value) ?? []
    return encoded === undefined ? undefined : decodeURIComponent(encoded)
  }
}
