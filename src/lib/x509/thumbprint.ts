import type { X509Certificate } from 'node:crypto'

const thumbprints = new WeakMap<X509Certificate, string>()

/**
 * Returns the `x5t#S256` of a certificate (RFC 8705 §3.1): base64url of the SHA-256 of its DER. Computed once per certificate.
 */
export function thumbprintOf (x509: X509Certificate): string {
  const known = thumbprints.get(x509)
  if (known !== undefined) return known
  const thumbprint = Buffer.from(x509.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
  thumbprints.set(x509, thumbprint)
  return thumbprint
}
