import { X509Certificate } from 'node:crypto'

/** The name of a format in which a proxy forwards a certificate. */
export type CertificateFormat = 'rfc9440' | 'base64' | 'nginx' | 'apache' | 'envoy' | 'haproxy' | 'traefik' | 'cloudflare' | 'aws-alb'

interface Format {
  /** The default field. Undefined if the field option is required. */
  readonly field?: string
  /** @returns the DER of the certificate; undefined for anything other than one certificate. Values of a repeated field are joined by ", ". */
  decode (value: string): Buffer | undefined
  /** The values with which the proxy reports a validated chain. */
  readonly success: readonly string[]
  /** Further fields with their required values. */
  readonly besides?: Readonly<Record<string, string>>
}

// RFC 9440 §2.2, RFC 9651 §3.3.5: a byte sequence, between colons.
const BYTES = /^:([A-Za-z0-9+/]+={0,2}):$/
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const ENCODED = /^[^\s,;"]+$/
// RFC 7468 §5. Exactly one certificate: of several, only the first would be read.
const PEM = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/
// The first octet of every certificate: a SEQUENCE of ASN.1.
const SEQUENCE = 0x30

// The values of nginx and Apache, of HAProxy (the verify result of OpenSSL), and of load balancers.
const ANY_SUCCESS = ['SUCCESS', '0', 'true']

/** The formats by their names. */
export const CERTIFICATE_FORMATS: Readonly<Record<CertificateFormat, Format>> = {
  rfc9440: { field: 'client-cert', decode: decodeBytes, success: ANY_SUCCESS },
  base64: { decode: decodeBase64, success: ANY_SUCCESS },
  nginx: { field: 'x-ssl-client-cert', decode: decodeEscapedPem, success: ['SUCCESS'] },
  apache: { field: 'x-ssl-client-cert', decode: decodePem, success: ['SUCCESS'] },
  envoy: { field: 'x-forwarded-client-cert', decode: decodeElement, success: ['SUCCESS'] },
  haproxy: { field: 'x-ssl-client-cert', decode: (value) => decodeBytes(value) ?? decodeBase64(value), success: ['0'] },
  traefik: { field: 'x-forwarded-tls-client-cert', decode: decodeChain, success: ['SUCCESS'] },
  // Cloudflare also reports a revoked certificate as verified.
  cloudflare: { field: 'cf-client-cert-der-base64', decode: decodeBase64, success: ['true'], besides: { 'cf-cert-revoked': 'false' } },
  'aws-alb': { field: 'x-amzn-mtls-clientcert-leaf', decode: decodeEscapedPem, success: ['SUCCESS'] }
}

/** Reads the certificate in a field. Undefined if it is invalid. */
export function readCertificate (format: CertificateFormat, value: string): X509Certificate | undefined {
  try {
    const der = CERTIFICATE_FORMATS[format].decode(value)
    return der?.[0] === SEQUENCE ? new X509Certificate(der) : undefined
  } catch {
    return undefined
  }
}

function decodeBytes (value: string): Buffer | undefined {
  const [, base64] = BYTES.exec(value) ?? []
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64')
}

function decodeBase64 (value: string): Buffer | undefined {
  return BASE64.test(value) ? Buffer.from(value, 'base64') : undefined
}

/** Decodes base64 certificates, starting with that of the client; percent-encoded in Traefik 1. */
function decodeChain (value: string): Buffer | undefined {
  const [certificate, ...others] = value.split(',').map((part) => decodeBase64(decodeURIComponent(part)))
  return others.includes(undefined) ? undefined : certificate
}

function decodeEscapedPem (value: string): Buffer | undefined {
  return ENCODED.test(value) ? decodePem(decodeURIComponent(value)) : undefined
}

/** Decodes PEM with line breaks, or with spaces in their place, as in a header field. */
function decodePem (value: string): Buffer | undefined {
  const [, base64] = PEM.exec(value) ?? []
  return base64 === undefined ? undefined : decodeBase64(base64.replace(/\s/g, ''))
}

function decodeElement (value: string): Buffer | undefined {
  const certificates = elementOf(value)?.filter(([key]) => key === 'cert') ?? []
  // If two members contain a certificate, the client may have sent one of them.
  return certificates.length === 1 ? decodeEscapedPem(certificates[0]![1]) : undefined
}

// In quotes, names that the client chooses may contain any separator.
const PAIR = /([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^",;]*)(?:;|$)/gy

// The keys and values of X-Forwarded-Client-Cert. A comma separates elements, one per proxy. With several, the one of the client
// cannot be determined.
function elementOf (value: string): [key: string, value: string][] | undefined {
  const pairs: [string, string][] = []
  let end = 0
  for (const { 0: whole, 1: key = '', 2: text = '' } of value.matchAll(PAIR)) {
    end += whole.length
    pairs.push([key.toLowerCase(), text.startsWith('"') ? text.slice(1, -1) : text])
  }
  return end === value.length ? pairs : undefined
}
