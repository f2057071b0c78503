import { createHash, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import type { JWK } from 'jose'
import { FlowConfigurationError } from '../errors/configuration-error.ts'
import type { StoredKey } from '../stores/contracts/index.ts'

interface SealingKey {
  /** Its RFC 7638 thumbprint, which tells nothing of 256 random bits (RFC 7638 §7). */
  readonly id: string
  readonly key: KeyObject
}

// 32 bytes: in hex, or in base64 of either alphabet, padded or not.
const HEX = /^[\da-f]{64}$/i
const BASE64 = /^[\w+/-]{43}=?$/

// RFC 7517 §7: an encrypted JWK. RFC 7518 §4.5, §5.3: by a shared key as it is, and with a new random IV each time.
const ALGORITHM = 'dir'
const ENCRYPTION = 'A256GCM'
const CONTENT_TYPE = 'jwk+json'

/** The keys that private keys at rest are sealed with. The first seals, each of them opens. */
export class SealingKeys {
  readonly #first: SealingKey | undefined
  readonly #byId: ReadonlyMap<string, SealingKey>

  /**
   * @param texts each one that {@link isSealingKey}. Undefined: private keys are stored as they are
   */
  constructor (texts: readonly string[] | undefined) {
    const keys = (texts ?? []).map((text) => toSealingKey(toBytes(text) as Buffer))
    this.#first = keys[0]
    this.#byId = new Map(keys.map((key) => [key.id, key]))
  }

  /**
   * Opens a private key that is sealed.
   *
   * @returns undefined if it was changed since
   * @throws FlowConfigurationError FST_OAUTH_SEALED_SIGNING_KEY, if none of these keys has sealed it
   */
  async open (jwe: string): Promise<JWK | undefined> {
    const sealedBy = this.#byId.get(sealerOf(jwe))
    if (sealedBy === undefined) throw new FlowConfigurationError('FST_OAUTH_SEALED_SIGNING_KEY')
    return await decrypt(jwe, sealedBy.key)
  }

  /**
   * Seals with the first key what is to be, and leaves the rest as it is, as it does with what cannot be opened.
   *
   * @param isAnew also what is sealed with another of these keys
   * @returns the very same list where nothing is sealed
   */
  async seal (keys: readonly StoredKey[], isAnew: boolean): Promise<readonly StoredKey[]> {
    const first = this.#first
    if (first === undefined) return keys
    const sealed = await Promise.all(keys.map((key) => this.#sealOne(key, first, isAnew)))
    return sealed.some((key, index) => key !== keys[index]) ? sealed : keys
  }

  async #sealOne (stored: StoredKey, first: SealingKey, isAnew: boolean): Promise<StoredKey> {
    const { privateJwk } = stored
    if (typeof privateJwk !== 'string') return { ...stored, privateJwk: await encrypt(privateJwk, first) }
    const sealedBy = isAnew ? this.#byId.get(sealerOf(privateJwk)) : undefined
    if (sealedBy === undefined || sealedBy.id === first.id) return stored
    const jwk = await decrypt(privateJwk, sealedBy.key)
    return jwk === undefined ? stored : { ...stored, privateJwk: await encrypt(jwk, first) }
  }
}

/** Whether a value is 32 bytes as base64url, base64 or hex. */
export function isSealingKey (value: unknown): value is string {
  return typeof value === 'string' && toBytes(value) !== undefined
}

function toSealingKey (bytes: Buffer): SealingKey {
  // RFC 7638 §3.2: the members of a symmetric key, in the order of their names.
  const id = createHash('sha256').update(JSON.stringify({ k: bytes.toString('base64url'), kty: 'oct' })).digest('base64url')
  return { id, key: createSecretKey(bytes) }
}

function toBytes (text: string): Buffer | undefined {
  if (HEX.test(text)) return Buffer.from(text, 'hex')
  if (!BASE64.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  // 43 characters have two bits to spare: a text that uses them was changed by somebody.
  return bytes.toString('base64url') === text.replace('=', '').replaceAll('+', '-').replaceAll('/', '_') ? bytes : undefined
}

// Without causes here and below: what could not be read may be quoted by them.
function sealerOf (jwe: string): string {
  try {
    return String(decodeProtectedHeader(jwe).kid)
  } catch {
    return ''
  }
}

async function encrypt (jwk: JWK, { id, key }: SealingKey): Promise<string> {
  return await new CompactEncrypt(Buffer.from(JSON.stringify(jwk)))
    .setProtectedHeader({ alg: ALGORITHM, enc: ENCRYPTION, cty: CONTENT_TYPE, kid: id })
    .encrypt(key)
}

async function decrypt (jwe: string, key: KeyObject): Promise<JWK | undefined> {
  try {
    const { plaintext, protectedHeader } = await compactDecrypt(jwe, key, { keyManagementAlgorithms: [ALGORITHM], contentEncryptionAlgorithms: [ENCRYPTION] })
    return protectedHeader.cty === CONTENT_TYPE ? JSON.parse(Buffer.from(plaintext).toString()) as JWK : undefined
  } catch {
    return undefined
  }
}
