import { createHash, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import type { JWK } from 'jose'
import { FlowConfigurationError } from '../errors/configuration-error.ts'
import type { StoredKey } from '../stores/contracts/index.ts'

interface SealingKey {
  /** Its RFC 7638 thumbprint, which reveals nothing about a key of 256 random bits (RFC 7638 §7). */
  readonly id: string
  readonly key: KeyObject
}

// 32 bytes: in hex, or in base64 of either alphabet, padded or not.
const HEX = /^[\da-f]{64}$/i
const BASE64 = /^[\w+/-]{43}=?$/

// RFC 7517 §7: an encrypted JWK. RFC 7518 §4.5, §5.3: direct encryption with a shared key, with a new random IV each time.
const ALGORITHM = 'dir'
const ENCRYPTION = 'A256GCM'
const CONTENT_TYPE = 'jwk+json'

/** The keys that encrypt private keys at rest. The first one seals, all of them open. */
export class SealingKeys {
  readonly #first: SealingKey | undefined
  readonly #byId: ReadonlyMap<string, SealingKey>

  /**
   * @param texts keys for which {@link isSealingKey} returns true. Undefined: private keys are stored unencrypted
   */
  constructor (texts: readonly string[] | undefined) {
    const keys = (texts ?? []).map((text) => toSealingKey(toBytes(text) as Buffer))
    this.#first = keys[0]
    this.#byId = new Map(keys.map((key) => [key.id, key]))
  }

  /**
   * Opens a sealed private key.
   *
   * @returns undefined if the JWE was modified
   * @throws FlowConfigurationError FST_OAUTH_SEALED_SIGNING_KEY, if none of these keys has sealed it
   */
  async open (jwe: string): Promise<JWK | undefined> {
    const sealedBy = this.#byId.get(sealerOf(jwe))
    if (sealedBy === undefined) throw new FlowConfigurationError('FST_OAUTH_SEALED_SIGNING_KEY')
    return await decrypt(jwe, sealedBy.key)
  }

  /**
   * Seals private keys with the first sealing key. Leaves keys that cannot be opened unchanged.
   *
   * @param isAnew also seals keys again that are sealed with another of these keys
   * @returns the same array if nothing was sealed
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

/** Returns whether a value is 32 bytes as base64url, base64 or hex. */
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
  // 43 characters have two unused bits. Reject a value in which they are set: it was mistyped or modified.
  return bytes.toString('base64url') === text.replace('=', '').replaceAll('+', '-').replaceAll('/', '_') ? bytes : undefined
}

// Errors here and below have no `cause`: its message may quote the value.
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
