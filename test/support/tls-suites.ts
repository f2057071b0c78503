import { execFile, execFileSync } from 'node:child_process'
import { needCommand, OPENSSL } from './debian.ts'

/** The cipher suites of TLS 1.2 that FAPI 2.0 leaves, for both kinds of key. */
export const FAPI2_SUITES = ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384']

/** What a listener accepts. */
export interface Accepted {
  /** The protocol versions that some cipher suite is accepted with. */
  versions: string[]
  /** The cipher suites of TLS 1.2, sorted. */
  suites: string[]
  /** How many were tried. */
  tried: number
}

// The lowest security level, and a key for suites that have a shared one: nothing is left out by the client.
const WEAKEST = '@SECLEVEL=0'
const VERSIONS = { 'TLS 1.0': '-tls1', 'TLS 1.1': '-tls1_1', 'TLS 1.2': '-tls1_2', 'TLS 1.3': '-tls1_3' }

/** Asks a listener on loopback for each cipher suite of TLS 1.2 that OpenSSL has, one by one, and for each version with all of its suites. */
export async function acceptedBy (port: number): Promise<Accepted> {
  const openssl = needCommand(OPENSSL)
  const all = execFileSync(openssl, ['ciphers', '-tls1_2', `ALL:COMPLEMENTOFALL:${WEAKEST}`], { encoding: 'utf8' }).trim().split(':').filter((name) => !name.startsWith('TLS_'))
  const connects = async (...args: string[]): Promise<boolean> => new Promise((resolve) => {
    execFile(openssl, ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', '-psk', '1a2b', ...args], { timeout: 10_000 }, (error) => resolve(error === null)).stdin?.end()
  })
  const suites: string[] = []
  for (let start = 0; start < all.length; start += 8) {
    const some = all.slice(start, start + 8)
    const answers = await Promise.all(some.map(async (name) => connects('-tls1_2', '-cipher', `${name}:${WEAKEST}`)))
    suites.push(...some.filter((_, index) => answers[index]))
  }
  const versions: string[] = []
  for (const [name, option] of Object.entries(VERSIONS)) if (await connects(option, '-cipher', `ALL:COMPLEMENTOFALL:${WEAKEST}`)) versions.push(name)
  return { versions, suites: suites.sort(), tried: all.length }
}
