import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { ScryptOptions } from 'node:crypto'
import { promisify } from 'node:util'
import { RETRY_AFTER, TemporarilyUnavailableError } from '../errors.ts'
import type { PresentedSecret, SecretHashes } from './client-secret-hash.ts'

const derive = promisify<string | Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt)

// One of the settings that OWASP gives as equal: 32 MiB, a fifth of a second.
const COST = { log2N: 15, r: 8, p: 3 }
// Room for a hash that was made with a cost of two steps more, and for no more than that, whatever the store says.
const MAX_MEMORY = 129 * 2 ** 20
const SALT_BYTES = 16
const DIGEST_BYTES = 32
// At once: the thread pool has four threads, and signs too. Those beyond wait, two seconds or so; for others a try later is
// as fast.
const MAX_RUNNING = 2
const MAX_WAITING = 16
const STORED = /^scrypt:(?:([\w-]{8}):)?(1[0-7]),([1-8]),(\d):([\w-]+):([\w-]{43})$/

/** A stored hash of a secret that a human may have chosen. */
export interface SlowDigest {
  /** As it is stored. */
  readonly text: string
  readonly index: number
  readonly cost: Readonly<typeof COST>
  readonly salt: Buffer
  readonly digest: Buffer
}

/**
 * The slow hashes of secrets, as they are stored: `scrypt:<log2 N>,<r>,<p>:<salt>:<digest>`, with the fingerprint of the
 * pepper behind the first colon where there is one: then it is the HMAC that is hashed. Few at once, in the thread pool.
 */
export class SlowSecretHashes {
  readonly #hashes: SecretHashes
  readonly #waiting: Array<() => void> = []
  #running = 0

  constructor (hashes: SecretHashes) {
    this.#hashes = hashes
  }

  /** Makes what is stored of a new secret. @throws TemporarilyUnavailableError when too many wait */
  async hash (secret: string): Promise<string> {
    const { fingerprint } = this.#hashes
    const blank = { index: 0, cost: COST, salt: randomBytes(SALT_BYTES) }
    const digest = await this.#run(this.#hashes.present(secret), blank)
    const { log2N, r, p } = COST
    return ['scrypt', ...fingerprint === undefined ? [] : [fingerprint], `${log2N},${r},${p}`, blank.salt.toString('base64url'), digest.toString('base64url')].join(':')
  }

  /** Reads what is stored. Undefined for what cannot be compared: its pepper is not here, or it is another kind of hash. */
  parse (text: string): SlowDigest | undefined {
    const [, fingerprint, log2N, r, p, salt, digest] = STORED.exec(text) ?? []
    const index = this.#hashes.indexOf(fingerprint)
    if (salt === undefined || digest === undefined || index === -1) return undefined
    const cost = { log2N: Number(log2N), r: Number(r), p: Number(p) }
    return { text, index, cost, salt: Buffer.from(salt, 'base64url'), digest: Buffer.from(digest, 'base64url') }
  }

  /** @throws TemporarilyUnavailableError when too many wait */
  async verify (presented: PresentedSecret, stored: SlowDigest): Promise<boolean> {
    return timingSafeEqual(await this.#run(presented, stored), stored.digest)
  }

  async #run ({ text, digests }: PresentedSecret, { index, cost: { log2N, r, p }, salt }: Pick<SlowDigest, 'index' | 'cost' | 'salt'>): Promise<Buffer> {
    await this.#enter()
    try {
      // Without a pepper the secret itself: a SHA-256 of it may be known from elsewhere.
      const secret = this.#hashes.indexOf(undefined) === index ? text : digests[index] as Buffer
      return await derive(secret, salt, DIGEST_BYTES, { N: 2 ** log2N, r, p, maxmem: MAX_MEMORY })
    } finally {
      this.#leave()
    }
  }

  async #enter (): Promise<void> {
    if (this.#running < MAX_RUNNING) {
      this.#running++
      return
    }
    if (this.#waiting.length >= MAX_WAITING) {
      throw new TemporarilyUnavailableError(undefined, { cause: 'too many client secrets wait to be hashed', retryAfter: RETRY_AFTER })
    }
    await new Promise<void>((resolve) => { this.#waiting.push(resolve) })
  }

  #leave (): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#running--
    else next()
  }
}

/** What is compared with where there is nothing, at the cost of any other. */
export function randomSlowDigest (): SlowDigest {
  return { text: '', index: 0, cost: COST, salt: randomBytes(SALT_BYTES), digest: randomBytes(DIGEST_BYTES) }
}
