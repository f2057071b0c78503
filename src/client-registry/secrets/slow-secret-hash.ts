import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { ScryptOptions } from 'node:crypto'
import { promisify } from 'node:util'
import { TemporarilyUnavailableError } from '../../errors/oauth-error.ts'
import { RETRY_AFTER } from '../../errors/protocol-error.ts'
import { monotonic } from '../../lib/clock.ts'
import type { PresentedSecret, SecretHashes } from './fast-secrets.ts'

const derive = promisify<string | Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt)

// One of the settings that OWASP lists as equivalent: 32 MiB, a fifth of a second.
const COST = { log2N: 15, r: 8, p: 3 }
// Bytes. Allows a hash with a cost two steps higher, and no more, whatever the store contains.
const MAX_MEMORY = 129 * 2 ** 20
const SALT_BYTES = 16
const DIGEST_BYTES = 32
// Concurrent hashes. The libuv thread pool has four threads, which also sign tokens.
const MAX_RUNNING = 2
// Waiting hashes in total, to limit memory. SlowHashBudget limits those of one address.
const MAX_WAITING = 1000
// Waiting hashes without an address. More would wait over two seconds, and a retry is as fast for others.
const MAX_WAITING_NOWHERE = 16
// The lesser of the measurements is used: a server that starts on a busy machine must not delay rejections by seconds permanently.
const MEASURED = 2
// The PHC string format (github.com/P-H-C/phc-string-format): base64 without padding.
const PHC = /^\$scrypt\$ln=(1[0-7]),r=([1-8]),p=(\d)(?:,keyid=([A-Za-z\d+/]{8}))?\$([A-Za-z\d+/]+)\$([A-Za-z\d+/]{43})$/
const RELEASE_010 = /^scrypt:(?:([\w-]{8}):)?(1[0-7]),([1-8]),(\d):([\w-]+):([\w-]{43})$/

/** A stored hash of a secret that a person may have chosen. */
export interface SlowDigest {
  /** The stored string. */
  readonly text: string
  readonly index: number
  readonly cost: Readonly<typeof COST>
  readonly salt: Buffer
  readonly digest: Buffer
}

/**
 * Computes the slow hashes of secrets in their stored format, the PHC string format: `$scrypt$ln=<log2 N>,r=<r>,p=<p>$<salt>$<digest>`.
 * With a pepper, it hashes the HMAC of the secret, and `keyid` is the fingerprint of the pepper. Also reads the format of release
 * 0.1.0. Runs few hashes concurrently in the thread pool, and serves waiting requests round-robin by lane.
 */
export class SlowSecretHashes {
  readonly #hashes: SecretHashes
  readonly #lanes = new Map<string, Array<() => void>>()
  #waiting = 0
  #running = 0
  #time = 0

  constructor (hashes: SecretHashes) {
    this.#hashes = hashes
  }

  /** Milliseconds that a hash takes on this machine; 0 until one was computed. */
  get time (): number {
    return this.#time
  }

  /** Measures how long a hash takes. */
  async measure (): Promise<void> {
    const presented = this.#hashes.present('')
    for (let count = 0; count < MEASURED; count++) {
      const { log2N, r, p } = COST
      const begunAt = monotonic()
      await derive(presented.text, randomBytes(SALT_BYTES), DIGEST_BYTES, { N: 2 ** log2N, r, p, maxmem: MAX_MEMORY })
      const time = monotonic() - begunAt
      this.#time = count === 0 ? time : Math.min(this.#time, time)
    }
  }

  /**
   * Hashes a new secret.
   *
   * @param forRelease010 writes the format that processes of release 0.1.0 read. Default false
   * @returns the string to store
   * @throws TemporarilyUnavailableError if too many hashes wait
   */
  async hash (secret: string, forRelease010 = false): Promise<string> {
    const { fingerprint } = this.#hashes
    const blank = { index: 0, cost: COST, salt: randomBytes(SALT_BYTES) }
    const digest = await this.#run(this.#hashes.present(secret), blank)
    const { log2N, r, p } = COST
    if (forRelease010) return ['scrypt', ...fingerprint === undefined ? [] : [fingerprint], `${log2N},${r},${p}`, blank.salt.toString('base64url'), digest.toString('base64url')].join(':')
    const keyId = fingerprint === undefined ? '' : `,keyid=${toBase64(Buffer.from(fingerprint, 'base64url'))}`
    return `$scrypt$ln=${log2N},r=${r},p=${p}${keyId}$${toBase64(blank.salt)}$${toBase64(digest)}`
  }

  /** Parses a stored hash. Returns undefined if it cannot be compared: its pepper is not configured, or it is another kind of hash. */
  parse (text: string): SlowDigest | undefined {
    const { fingerprint, log2N, r, p, salt, digest } = partsOf(text)
    const index = this.#hashes.indexOf(fingerprint)
    if (salt === undefined || digest === undefined || index === -1) return undefined
    const cost = { log2N: Number(log2N), r: Number(r), p: Number(p) }
    // Node.js decodes both base64 alphabets.
    return { text, index, cost, salt: Buffer.from(salt, 'base64'), digest: Buffer.from(digest, 'base64') }
  }

  /**
   * @param lane the source of the request: each lane gets its turn, however many requests another one sends
   * @throws TemporarilyUnavailableError if too many hashes wait
   */
  async verify (presented: PresentedSecret, stored: SlowDigest, lane?: string): Promise<boolean> {
    return timingSafeEqual(await this.#run(presented, stored, lane), stored.digest)
  }

  async #run ({ text, digests }: PresentedSecret, { index, cost: { log2N, r, p }, salt }: Pick<SlowDigest, 'index' | 'cost' | 'salt'>, lane = ''): Promise<Buffer> {
    await this.#enter(lane)
    try {
      // Without a pepper, the secret itself is hashed: its SHA-256 may be known from elsewhere.
      const secret = this.#hashes.indexOf(undefined) === index ? text : digests[index] as Buffer
      const begunAt = monotonic()
      const digest = await derive(secret, salt, DIGEST_BYTES, { N: 2 ** log2N, r, p, maxmem: MAX_MEMORY })
      // Measures here for secrets that were imported after the start.
      if (this.#time === 0) this.#time = monotonic() - begunAt
      return digest
    } finally {
      this.#leave()
    }
  }

  async #enter (lane: string): Promise<void> {
    if (this.#running < MAX_RUNNING) {
      this.#running++
      return
    }
    const waiting = this.#lanes.get(lane) ?? []
    if (this.#waiting >= MAX_WAITING || (lane === '' && waiting.length >= MAX_WAITING_NOWHERE)) {
      throw new TemporarilyUnavailableError(undefined, { cause: 'too many client secrets wait to be hashed', retryAfter: RETRY_AFTER })
    }
    this.#lanes.set(lane, waiting)
    this.#waiting++
    await new Promise<void>((resolve) => { waiting.push(resolve) })
  }

  #leave (): void {
    const [first] = this.#lanes
    if (first === undefined) {
      this.#running--
      return
    }
    const [lane, waiting] = first
    const next = waiting.shift()!
    // Moves the lane to the end of the queue.
    this.#lanes.delete(lane)
    if (waiting.length > 0) this.#lanes.set(lane, waiting)
    this.#waiting--
    next()
  }
}

interface StoredParts { fingerprint?: string | undefined, log2N?: string | undefined, r?: string | undefined, p?: string | undefined, salt?: string | undefined, digest?: string | undefined }

function partsOf (text: string): StoredParts {
  const [isPhc, log2N, r, p, keyId, salt, digest] = PHC.exec(text) ?? []
  if (isPhc !== undefined) return { fingerprint: keyId && Buffer.from(keyId, 'base64').toString('base64url'), log2N, r, p, salt, digest }
  const [, fingerprint, oldLog2N, oldR, oldP, oldSalt, oldDigest] = RELEASE_010.exec(text) ?? []
  return { fingerprint, log2N: oldLog2N, r: oldR, p: oldP, salt: oldSalt, digest: oldDigest }
}

function toBase64 (bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
