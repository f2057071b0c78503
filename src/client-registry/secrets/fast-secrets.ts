import { createHmac, createSecretKey, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { StoredSecret } from '../../stores/contracts/index.ts'
import { toComparable } from './comparable-secret.ts'
import type { ComparableSecret } from './comparable-secret.ts'

// Length of a SHA-256 digest.
const DIGEST_BYTES = 32
const MIN_PEPPER_LENGTH = 32
// Longer secrets are rejected without hashing: an unauthenticated caller must not choose the amount of work.
const MAX_SECRET_LENGTH = 1024
// RFC 6749 appendix A.2 allows printable characters only, and the token endpoint rejects others.
const SECRET = new RegExp(`^[^\\x00-\\x1F\\x7F]{1,${MAX_SECRET_LENGTH}}$`)
const FINGERPRINT_LENGTH = 8
const STORED = /^(?:sha256|hmac-sha256:([\w-]{8})):([\w-]{43})$/
const PLAIN = /^sha256:(?:([0-9A-Fa-f]{64})|([\w-]{43}))$/

interface Pepper {
  /** Identifies the pepper without revealing it. Undefined for none. */
  readonly fingerprint: string | undefined
  readonly key: KeyObject | undefined
}

/** A stored digest, and the index of the presented digest to compare it with. */
export interface StoredDigest {
  readonly index: number
  readonly digest: Buffer
}

/** A presented secret. */
export interface PresentedSecret {
  readonly text: string
  /** Its fast hashes, in the order of the peppers. */
  readonly digests: readonly Buffer[]
}

/**
 * Computes the fast hashes of secrets in their stored format: `sha256:<digest>`, or `hmac-sha256:<fingerprint of the pepper>:<digest>`,
 * in base64url. Hashes a presented secret once with each pepper, whichever client it is presented for.
 */
export class SecretHashes {
  readonly #peppers: readonly Pepper[]

  /**
   * @param peppers the first hashes new secrets, all are tried; null stands for none
   */
  constructor (peppers: readonly (string | null)[] = [null]) {
    this.#peppers = peppers.map(toPepper)
  }

  /** The fingerprint of the pepper that hashes new secrets. */
  get fingerprint (): string | undefined {
    return this.#peppers[0]?.fingerprint
  }

  /** @returns -1 for a pepper that is not configured */
  indexOf (fingerprint: string | undefined): number {
    return this.#peppers.findIndex((pepper) => pepper.fingerprint === fingerprint)
  }

  /** Hashes a presented secret. Treats one above the length limit as empty, which matches no secret. */
  present (secret: string): PresentedSecret {
    const text = secret.length > MAX_SECRET_LENGTH ? '' : secret
    return { text, digests: this.#peppers.map(({ key }) => digestOf(text, key)) }
  }

  /** Returns the stored format of a new secret. */
  hash (secret: string): string {
    const { fingerprint, key } = this.#peppers[0] as Pepper
    const name = fingerprint === undefined ? 'sha256' : `hmac-sha256:${fingerprint}`
    return `${name}:${digestOf(secret, key).toString('base64url')}`
  }

  /** Parses a stored hash. Returns undefined if it cannot be compared: its pepper is not configured, or it is another kind of hash. */
  parse (text: string): StoredDigest | undefined {
    const [, fingerprint, digest] = STORED.exec(text) ?? []
    const index = this.indexOf(fingerprint)
    return digest === undefined || index === -1 ? undefined : { index, digest: Buffer.from(digest, 'base64url') }
  }
}

const NONE: StoredSecret = { id: '', hash: '', createdAt: 0, expiresAt: 0 }

/** Compares presented secrets with the fast hashes of a client. */
export class FastSecrets {
  readonly #hashes: SecretHashes
  // A digest that matches no secret. Shared by all clients: it is compared and never revealed, and random bytes are expensive.
  readonly #none: StoredDigest = { index: 0, digest: randomBytes(DIGEST_BYTES) }

  constructor (hashes: SecretHashes) {
    this.#hashes = hashes
  }

  /** Never returns an empty array: a client without secrets, or one that does not exist, costs a comparison too. */
  prepare (secrets: readonly StoredSecret[]): ReadonlyArray<ComparableSecret<StoredDigest>> {
    const fast = secrets.filter(({ isImported }) => !isImported).map((secret) => toComparable(secret, this.#hashes.parse(secret.hash) ?? this.#none))
    return fast.length > 0 ? fast : [toComparable(NONE, this.#none)]
  }

  find (secrets: ReadonlyArray<ComparableSecret<StoredDigest>>, { digests }: PresentedSecret, now: number): ComparableSecret<StoredDigest> | undefined {
    let found: ComparableSecret<StoredDigest> | undefined
    // Compares all of them, so that the time does not reveal which one matches.
    for (const secret of secrets) {
      const isEqual = timingSafeEqual(digests[secret.stored.index] as Buffer, secret.stored.digest)
      if (isEqual && secret.expiresAt > now) found = secret
    }
    return found
  }
}

/** Returns whether a value can be a secret: a string of 1 to 1,024 characters without control characters. */
export function isSecret (text: unknown): text is string {
  return typeof text === 'string' && SECRET.test(text)
}

/** Converts `sha256:` and a digest in hex or base64url to the stored format. Returns undefined for any other value. */
export function toPlainHash (text: unknown): string | undefined {
  const [, hex, base64url] = PLAIN.exec(String(text)) ?? []
  return hex === undefined ? base64url && `sha256:${base64url}` : `sha256:${Buffer.from(hex, 'hex').toString('base64url')}`
}

function digestOf (text: string, pepper: KeyObject | undefined): Buffer {
  return pepper === undefined ? hash('sha256', text, 'buffer') : createHmac('sha256', pepper).update(text).digest()
}

/** Returns whether a value can be a pepper: a string, or null for none. */
export function isPepper (pepper: unknown): boolean {
  return pepper === null || (typeof pepper === 'string' && pepper.length >= MIN_PEPPER_LENGTH)
}

function toPepper (text: string | null): Pepper {
  if (text === null) return { fingerprint: undefined, key: undefined }
  const key = createSecretKey(text, 'utf8')
  return { fingerprint: createHmac('sha256', key).update('fingerprint').digest('base64url').slice(0, FINGERPRINT_LENGTH), key }
}
