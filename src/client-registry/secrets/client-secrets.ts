import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../lib/clock.ts'
import { isGeneratedSecret } from '../../lib/generated-secret.ts'
import { networkOf } from '../../lib/ip.ts'
import type { StoredSecret } from '../../stores/contracts/index.ts'
import { randomDigest } from './fast-secrets.ts'
import type { PresentedSecret, SecretHashes, StoredDigest } from './fast-secrets.ts'
import type { HasImportedSecrets } from './has-imported-secrets.ts'
import type { NotedSecret } from './secret-uses.ts'
import type { SecretVerificationCache } from './secret-verification-cache.ts'
import { SlowHashBudget } from './slow-hash-budget.ts'
import type { SlowDigest, SlowSecretHashes } from './slow-secret-hash.ts'

interface Comparable<T> extends NotedSecret {
  readonly expiresAt: number
  readonly stored: T
}

/** The secrets of a client, ready to be compared. */
export interface ComparableSecrets {
  readonly clientId: string
  readonly hasImported: boolean
  readonly fast: ReadonlyArray<Comparable<StoredDigest>>
  readonly slow: ReadonlyArray<Comparable<SlowDigest>>
}

/** What secrets are compared by. */
export interface ClientSecretsOptions {
  hashes: SecretHashes
  slowHashes: SlowSecretHashes
  verified: SecretVerificationCache
  imported: HasImportedSecrets
  now: Clock
}

/**
 * Compares presented secrets with those of a client. A slow hash is computed only for a client that has such a secret, and within
 * the budget of the address: the endpoints hide the time of it.
 */
export class ClientSecrets {
  readonly #options: ClientSecretsOptions
  // What no secret has. One for all clients: it is compared with and never told, and random bytes are dear.
  readonly #noFast = randomDigest()
  readonly #budget: SlowHashBudget
  readonly #comparing = new Map<string, Promise<boolean>>()
  /** The secrets of a client that is not there. */
  readonly nobody: ComparableSecrets

  constructor (options: ClientSecretsOptions) {
    this.#options = options
    this.#budget = new SlowHashBudget(options.now)
    this.nobody = this.prepare('', [])
  }

  prepare (clientId: string, secrets: readonly StoredSecret[]): ComparableSecrets {
    const { hashes, slowHashes } = this.#options
    const fast = secrets.filter(({ isImported }) => !isImported).map((secret) => toComparable(secret, hashes.parse(secret.hash) ?? this.#noFast))
    const imported = secrets.filter(({ isImported }) => isImported)
    const slow = imported.flatMap((secret) => {
      const stored = slowHashes.parse(secret.hash)
      return stored === undefined ? [] : [toComparable(secret, stored)]
    })
    return {
      clientId,
      hasImported: imported.length > 0,
      fast: fast.length > 0 ? fast : [toComparable(NONE, this.#noFast)],
      slow
    }
  }

  present (secret: string): PresentedSecret {
    return this.#options.hashes.present(secret)
  }

  /** Recognises a secret without slow hashing: one that has a fast hash, or was verified a moment ago. */
  recognise ({ clientId, fast, slow }: ComparableSecrets, { text, digests }: PresentedSecret): NotedSecret | undefined {
    const now = this.#options.now()
    let found: NotedSecret | undefined
    // All of them, so that the time does not tell which.
    for (const secret of fast) {
      const isEqual = timingSafeEqual(digests[secret.stored.index] as Buffer, secret.stored.digest)
      if (isEqual && secret.expiresAt > now) found = secret
    }
    if (found !== undefined || isGeneratedSecret(text)) return found
    for (const secret of slow) {
      const isVerified = this.#options.verified.has(clientId, text, secret.stored.text)
      if (isVerified && secret.expiresAt > now) found = secret
    }
    return found
  }

  /**
   * Compares a secret that was not recognised with those that are hashed slowly. One of the form of generated secrets is none
   * of these.
   *
   * @param address where the request came from, whose budget pays for a wrong secret
   * @throws StoreUnavailableError when it is not known whether any client has one
   * @throws TemporarilyUnavailableError 429 when the budget of the address is exhausted, for unknown clients alike; or when too many
   *   secrets wait to be hashed
   */
  async compareSlowly ({ clientId, hasImported, slow }: ComparableSecrets, presented: PresentedSecret, address: string | undefined): Promise<NotedSecret | undefined> {
    const { imported } = this.#options
    if (isGeneratedSecret(presented.text)) return undefined
    if (hasImported) imported.add()
    if (!await imported.exist()) return undefined
    this.#budget.check(address)
    let found: NotedSecret | undefined
    for (const secret of slow) if (await this.#isRight(clientId, secret, presented, address)) found = secret
    return found
  }

  // Many processes of one client may start at once: one secret is hashed once for all who wait for it.
  #isRight (clientId: string, secret: Comparable<SlowDigest>, presented: PresentedSecret, address: string | undefined): Promise<boolean> {
    const key = JSON.stringify([clientId, secret.stored.text, presented.digests[0]!.toString('base64')])
    const comparing = this.#comparing.get(key) ?? this.#compare(clientId, secret, presented, address).finally(() => { this.#comparing.delete(key) })
    this.#comparing.set(key, comparing)
    return comparing
  }

  async #compare (clientId: string, secret: Comparable<SlowDigest>, presented: PresentedSecret, address: string | undefined): Promise<boolean> {
    const { slowHashes, verified, now } = this.#options
    this.#budget.begin(address)
    let isEqual = false
    try {
      isEqual = await slowHashes.verify(presented, secret.stored, address === undefined ? undefined : networkOf(address))
    } finally {
      this.#budget.end(address, isEqual)
    }
    if (!isEqual || secret.expiresAt <= now()) return false
    verified.add(clientId, presented.text, secret.stored.text)
    return true
  }
}

const NONE: StoredSecret = { id: '', hash: '', createdAt: 0, expiresAt: 0 }

function toComparable<T> ({ id, expiresAt = Infinity }: StoredSecret, stored: T): Comparable<T> {
  return { id, notedAt: -Infinity, expiresAt, stored }
}
