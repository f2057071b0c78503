import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { needCommand, OPENSSL } from './debian.ts'

/** A certificate and its private key, as PEM. */
export interface Certified { cert: string, key: string }

/** What a certificate says. */
export interface CertificateParts {
  /** As openssl takes it, such as "/CN=reader". */
  subject?: string
  /** As openssl takes it, such as "DNS:reader.example". */
  subjectAltName?: string
  /** Sections of openssl's configuration, which `subjectAltName` can name. */
  sections?: string
  /** Who signs it. Default itself. */
  by?: Certified
  /** How long it is valid; -1 for one that is expired. Default 2. */
  days?: number
}

/** Makes a certificate with a key on P-256. */
export function makeCertificate ({ subject = '/CN=test', subjectAltName, sections = '', by, days = 2 }: CertificateParts = {}): Certified {
  const openssl = needCommand(OPENSSL)
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'))
  const path = (name: string) => join(folder, name)
  const run = (...args: string[]) => execFileSync(openssl, args, { stdio: 'ignore' })
  try {
    writeFileSync(path('openssl.cnf'), [
      '[req]', 'distinguished_name=subject', '[subject]', '[extensions]', `basicConstraints=critical,CA:${by === undefined ? 'TRUE' : 'FALSE'}`,
      ...(subjectAltName === undefined ? [] : [`subjectAltName=${subjectAltName}`]), sections
    ].join('\n'))
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path('key.pem')]
    run('req', '-new', '-config', path('openssl.cnf'), ...key, '-utf8', '-subj', subject, '-out', path('request.pem'))
    if (by !== undefined) {
      writeFileSync(path('ca.pem'), by.cert)
      writeFileSync(path('ca-key.pem'), by.key)
    }
    const signer = by === undefined ? ['-signkey', path('key.pem')] : ['-CA', path('ca.pem'), '-CAkey', path('ca-key.pem'), '-CAcreateserial']
    run('x509', '-req', '-in', path('request.pem'), ...signer, '-days', String(days), '-extfile', path('openssl.cnf'), '-extensions', 'extensions', '-out', path('cert.pem'))
    return { cert: readFileSync(path('cert.pem'), 'utf8'), key: readFileSync(path('key.pem'), 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The subject of a certificate as openssl writes it by RFC 2253, which is RFC 4514 but for its age. Types by their short names, long names or numbers. */
export function subjectOf (cert: string, types: 'sname' | 'lname' | 'oid' = 'sname'): string {
  const openssl = needCommand(OPENSSL)
  return execFileSync(openssl, ['x509', '-noout', '-subject', '-nameopt', `RFC2253,${types}`], { input: cert, encoding: 'utf8' }).replace(/^subject=/, '').replace(/\n$/, '')
}
