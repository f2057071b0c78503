import { randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { SECRET_PREFIX as PREFIX } from './log-text.ts'

// Letters and digits are unreserved in every encoding (RFC 3986 §2.3): half of all clients send Basic credentials
// form-encoded, half raw (RFC 6749 §2.3.1), and these are the same either way.
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
// 62^43 is a little more than 2^256.
const RANDOM_LENGTH = 43
// 62^6 is more than 2^32.
const CHECKSUM_LENGTH = 6
const FORM = new RegExp(`^${PREFIX}[0-9A-Za-z]{${RANDOM_LENGTH + CHECKSUM_LENGTH}}$`)

/** Makes a client secret of 256 random bits that secret scanners can find: `fccs_`, 43 random characters, 6 of a CRC-32. */
export function generateSecret (): string {
  const text = PREFIX + randomBase62(RANDOM_LENGTH)
  return text + checksumOf(text)
}

/** Tells whether a text has the form of {@link generateSecret}, checksum included. That it was made by it, it does NOT tell. */
export function isGeneratedSecret (text: string): boolean {
  return FORM.test(text) && text.endsWith(checksumOf(text.slice(0, -CHECKSUM_LENGTH)))
}

/** Makes a client_id of 95 random bits, which nobody takes for the name of a user (RFC 9700 §4.15). */
export function generateClientId (): string {
  return `fcc_${randomBase62(16)}`
}

/** Makes the name of a secret among those of its client. */
export function generateSecretId (): string {
  return randomBase62(8)
}

// randomInt refuses what would make some characters more likely than others.
function randomBase62 (length: number): string {
  return Array.from({ length }, () => BASE62[randomInt(BASE62.length)]).join('')
}

// CRC-32 finds typing errors and keeps scanners from false alarms. It proves nothing.
function checksumOf (text: string): string {
  let rest = crc32(text)
  let digits = ''
  for (let index = 0; index < CHECKSUM_LENGTH; index++) {
    digits = BASE62.charAt(rest % BASE62.length) + digits
    rest = Math.floor(rest / BASE62.length)
  }
  return digits
}
