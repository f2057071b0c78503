import { createHmac, createSecretKey, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { StoredSecret } from '../../stores/contracts/index.ts'
import { toComparable } from './comparable-secret.ts'
import type { ComparableSecret } from './comparable-secret.ts'

// Of a digest of SHA-256.
const DIGEST_BYTES = 32
const MIN_PEPPER_LENGTH = 32
// Longer ones are not looked at: no stranger should choose how much there is to hash.
const MAX_SECRET_LENGTH = 1024
// RFC 6749 appendix A.2 has printable characters only, and the token endpoint refuses others.
const SECRET = new RegExp(`^[^\\x00-\\x1F\\x7F]{1,${MAX_SECRET_LENGTH}}$`)
const FINGERPRINT_LENGTH = 8
const STORED = /^(?:sha256|hmac-sha256:([\w-]{8})):([\w-]{43})$/
const PLAIN = /^sha256:(?:([0-9A-Fa-f]{64})|([\w-]{43}))$/

interface Pepper {
  /** Names the pepper without telling it. Undefined for none. */
  readonly fingerprint: string | undefined
  readonly key: KeyObject | undefined
}

/** A stored digest, and which of those of a presented secret it is compared with. */
export interface StoredDigest {
  readonly index: number
  readonly digest: Buffer
}

/** A secret that was presented. */
export interface PresentedSecret {
  readonly text: string
  /** Its fast hashes, in the order of the peppers. */
  readonly digests: readonly Buffer[]
}

/**
 * The fast hashes of secrets, as they are stored: `sha256:<digest>`, or `hmac-sha256:<fingerprint of the pepper>:<digest>`,
 * in base64url. What is presented is hashed once with each pepper, whoever it is said to belong to.
 */
export class SecretHashes {
  readonly #peppers: readonly Pepper[]

  /**
   * @param peppers the first hashes new secrets, all are tried; null stands for none
   */
  constructor (peppers: readonly (string | null)[] = [null]) {
    this.#peppers = peppers.map(toPepper)
  }

  /** Of the pepper that hashes new secrets. */
  get fingerprint (): string | undefined {
    return this.#peppers[0]?.fingerprint
  }

  /** @returns -1 for a pepper that is not here */
  indexOf (fingerprint: string | undefined): number {
    return this.#peppers.findIndex((pepper) => pepper.fingerprint === fingerprint)
  }

  /** Hashes what was presented. What is too long to be a secret counts as empty, which none is. */
  present (secret: string): PresentedSecret {
    const text = secret.length > MAX_SECRET_LENGTH ? '' : secret
    return { text, digests: this.#peppers.map(({ key }) => digestOf(text, key)) }
  }

  /** Makes what is stored of a new secret. */
  hash (secret: string): string {
    const { fingerprint, key } = this.#peppers[0] as Pepper
    const name = fingerprint === undefined ? 'sha256' : `hmac-sha256:${fingerprint}`
    return `${name}:${digestOf(secret, key).toString('base64url')}`
  }

  /** Reads what is stored. Undefined for what cannot be compared: its pepper is not here, or it is another kind of hash. */
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
  // The digest of no secret. One for all clients: it is compared and never revealed, and random bytes are expensive.
  readonly #none: StoredDigest = { index: 0, digest: randomBytes(DIGEST_BYTES) }

  constructor (hashes: SecretHashes) {
    this.#hashes = hashes
  }

  /** Never empty: a client without secrets, or that does not exist, costs a comparison too. */
  prepare (secrets: readonly StoredSecret[]): ReadonlyArray<ComparableSecret<StoredDigest>> {
    const fast = secrets.filter(({ isImported }) => !isImported).map((secret) => toComparable(secret, this.#hashes.parse(secret.hash) ?? this.#none))
    return fast.length > 0 ? fast : [toComparable(NONE, this.#none)]
  }

  find (secrets: ReadonlyArray<ComparableSecret<StoredDigest>>, { digests }: PresentedSecret, now: number): ComparableSecret<StoredDigest> | undefined {
    let found: ComparableSecret<StoredDigest> | undefined
    // All of them, so that the time does not tell which.
    for (const secret of secrets) {
      const isEqual = timingSafeEqual(digests[secret.stored.index] as Buffer, secret.stored.digest)
      if (isEqual && secret.expiresAt > now) found = secret
    }
    return found
  }
}

/** Tells whether a text can be a secret: not empty, no longer than 1,024 characters, none of them a control character. */
export function isSecret (text: unknown): text is string {
  return typeof text === 'string' && SECRET.test(text)
}

/** Reads a SHA-256 in hex or base64url behind `sha256:`, and gives it as it is stored. Undefined for anything else. */
export function toPlainHash (text: unknown): string | undefined {
  const [, hex, base64url] = PLAIN.exec(String(text)) ?? []
  return hex === undefined ? base64url && `sha256:${base64url}` : `sha256:${Buffer.from(hex, 'hex').toString('base64url')}`
}

function digestOf (text: string, pepper: KeyObject | undefined): Buffer {
  return pepper === undefined ? hash('sha256', text, 'buffer') : createHmac('sha256', pepper).update(text).digest()
}

/** Whether a value can be a pepper: null for none. */
export function isPepper (pepper: unknown): boolean {
  return pepper === null || (typeof pepper === 'string' && pepper.length >= MIN_PEPPER_LENGTH)
}

function toPepper (text: string | null): Pepper {
  if (text === null) return { fingerprint: undefined, key: undefined }
  const key = createSecretKey(text, 'utf8')
  return { fingerprint: createHmac('sha256', key).update('fingerprint').digest('base64url').slice(0, FINGERPRINT_LENGTH), key }
}
