import { X509Certificate } from 'node:crypto'

/** How proxies write a certificate into a header field. */
export type CertificateFormat = 'rfc9440' | 'base64' | 'nginx' | 'apache' | 'envoy' | 'haproxy' | 'traefik' | 'cloudflare' | 'aws-alb'

interface Format {
  /** The field, unless another is named. Undefined where one must be named. */
  readonly field?: string
  /** @returns the DER of the certificate; undefined for anything else than one. A repeated field has its values joined by ", ". */
  decode (value: string): Buffer | undefined
  /** What a field says that tells of the validation of the chain, when it has succeeded: one of these. */
  readonly success: readonly string[]
  /** Fields that must have these values besides. */
  readonly besides?: Readonly<Record<string, string>>
}

// RFC 9440 §2.2, RFC 9651 §3.3.5: a byte sequence, between colons.
const BYTES = /^:([A-Za-z0-9+/]+={0,2}):$/
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const ENCODED = /^[^\s,;"]+$/
// RFC 7468 §5: one and no more, or only the first would be looked at.
const PEM = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/
// The first octet of every certificate: a SEQUENCE of ASN.1.
const SEQUENCE = 0x30

// nginx and Apache; the verify result of OpenSSL, as of HAProxy; the booleans of load balancers.
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
  // A certificate that was revoked is verified, too.
  cloudflare: { field: 'cf-client-cert-der-base64', decode: decodeBase64, success: ['true'], besides: { 'cf-cert-revoked': 'false' } },
  'aws-alb': { field: 'x-amzn-mtls-clientcert-leaf', decode: decodeEscapedPem, success: ['SUCCESS'] }
}

/** Reads the certificate out of a field. Undefined for what is none. */
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

/** Certificates as base64, that of the client first; percent-encoded in Traefik 1. */
function decodeChain (value: string): Buffer | undefined {
  const [certificate, ...others] = value.split(',').map((part) => decodeBase64(decodeURIComponent(part)))
  return others.includes(undefined) ? undefined : certificate
}

function decodeEscapedPem (value: string): Buffer | undefined {
  return ENCODED.test(value) ? decodePem(decodeURIComponent(value)) : undefined
}

/** With line ends, or with the spaces that a field has in place of them. */
function decodePem (value: string): Buffer | undefined {
  const [, base64] = PEM.exec(value) ?? []
  return base64 === undefined ? undefined : decodeBase64(base64.replace(/\s/g, ''))
}

function decodeElement (value: string): Buffer | undefined {
  const certificates = elementOf(value)?.filter(([key]) => key === 'cert') ?? []
  // Where two say what the certificate is, one of them may be the client's own words.
  return certificates.length === 1 ? decodeEscapedPem(certificates[0]![1]) : undefined
}

// In quotes, names that the client has chosen hold any separator.
const PAIR = /([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^",;]*)(?:;|$)/gy

// The keys and values of X-Forwarded-Client-Cert. Behind a comma comes another element, for each proxy on the way: which
// of them is the client's, nobody can say.
function elementOf (value: string): [key: string, value: string][] | undefined {
  const pairs: [string, string][] = []
  let end = 0
  for (const { 0: whole, 1: key = '', 2: text = '' } of value.matchAll(PAIR)) {
    end += whole.length
    pairs.push([key.toLowerCase(), text.startsWith('"') ? text.slice(1, -1) : text])
  }
  return end === value.length ? pairs : undefined
}
