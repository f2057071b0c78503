import { X509Certificate } from 'node:crypto'

/** How proxies write a certificate into a header field. */
export type CertificateFormat = 'rfc9440' | 'nginx' | 'envoy'

interface Format {
  /** The field, unless another is named. */
  readonly field: string
  /** @returns undefined for anything else than one certificate. A repeated field has its values joined by ", ". */
  decode (value: string): Buffer | string | undefined
}

// RFC 9440 §2.2, RFC 9651 §3.3.5: a byte sequence, between colons.
const BYTES = /^:([A-Za-z0-9+/]+={0,2}):$/
const ENCODED = /^[^\s,;"]+$/
// RFC 7468 §5: one and no more, or only the first would be looked at.
const PEM = /^\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*$/

/** The formats by their names. */
export const CERTIFICATE_FORMATS: Readonly<Record<CertificateFormat, Format>> = {
  rfc9440: {
    field: 'client-cert',
    decode (value) {
      const [, base64] = BYTES.exec(value) ?? []
      return base64 === undefined ? undefined : Buffer.from(base64, 'base64')
    }
  },
  nginx: { field: 'x-ssl-client-cert', decode: decodePem },
  envoy: {
    field: 'x-forwarded-client-cert',
    decode (value) {
      const certificates = elementOf(value)?.filter(([key]) => key === 'cert') ?? []
      // Where two say what the certificate is, one of them may be the client's own words.
      return certificates.length === 1 ? decodePem(certificates[0]![1]) : undefined
    }
  }
}

/** Reads the certificate out of a field. Undefined for what is none. */
export function readCertificate (format: CertificateFormat, value: string): X509Certificate | undefined {
  try {
    const encoded = CERTIFICATE_FORMATS[format].decode(value)
    return encoded === undefined ? undefined : new X509Certificate(encoded)
  } catch {
    return undefined
  }
}

function decodePem (value: string): string | undefined {
  const pem = ENCODED.test(value) ? decodeURIComponent(value) : ''
  return PEM.test(pem) ? pem : undefined
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
