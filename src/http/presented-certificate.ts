import type { X509Certificate } from 'node:crypto'
import { weaknessOfKey } from '../lib/weak-keys.ts'
import type { ClientCertificate, PlainRequest } from './plain-request.ts'

const weaknesses = new WeakMap<X509Certificate, boolean>()

/** Returns the certificate that a client has presented (RFC 8705). Undefined without one, and for one with a weak key. */
export function presentedCertificate (request: PlainRequest): ClientCertificate | undefined {
  const certificate = request.clientCertificate?.()
  return certificate === undefined || isWeak(certificate.x509) ? undefined : certificate
}

function isWeak (x509: X509Certificate): boolean {
  const known = weaknesses.get(x509)
  if (known !== undefined) return known
  const weak = hasWeakKey(x509)
  weaknesses.set(x509, weak)
  return weak
}

function hasWeakKey (x509: X509Certificate): boolean {
  try {
    return weaknessOfKey(x509.publicKey) !== undefined
  } catch {
    // Node.js cannot read the key.
    return true
  }
}
