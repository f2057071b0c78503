import type { Clock } from '../../lib/clock.ts'
import { isGeneratedSecret } from '../../lib/generated-secret.ts'
import { networkOf } from '../../lib/ip.ts'
import type { StoredSecret } from '../../stores/contracts/index.ts'
import { toComparable } from './comparable-secret.ts'
import type { ComparableSecret } from './comparable-secret.ts'
import type { PresentedSecret } from './fast-secrets.ts'
import type { HasImportedSecrets } from './has-imported-secrets.ts'
import type { NotedSecret } from './secret-uses.ts'
import type { SecretVerificationCache } from './secret-verification-cache.ts'
import { SlowHashBudget } from './slow-hash-budget.ts'
import type { SlowDigest, SlowSecretHashes } from './slow-secret-hash.ts'

/** The imported secrets of a client, parsed for comparison. */
export interface ComparableSlowSecrets {
  readonly clientId: string
  readonly hasImported: boolean
  readonly slow: ReadonlyArray<ComparableSecret<SlowDigest>>
}

/** Options of SlowSecrets. */
export interface SlowSecretsOptions {
  slowHashes: SlowSecretHashes
  verified: SecretVerificationCache
  imported: HasImportedSecrets
  now: Clock
}

/**
 * Compares presented secrets with imported ones. Computes a slow hash only for a client that has such a secret, and within the
 * budget of the address. The endpoints hide the time that it takes.
 */
export class SlowSecrets {
  readonly #options: SlowSecretsOptions
  readonly #budget: SlowHashBudget
  readonly #comparing = new Map<string, Promise<boolean>>()

  constructor (options: SlowSecretsOptions) {
    this.#options = options
    this.#budget = new SlowHashBudget(options.now)
  }

  prepare (clientId: string, secrets: readonly StoredSecret[]): ComparableSlowSecrets {
    const imported = secrets.filter(({ isImported }) => isImported)
    const slow = imported.flatMap((secret) => {
      const stored = this.#options.slowHashes.parse(secret.hash)
      return stored === undefined ? [] : [toComparable(secret, stored)]
    })
    return { clientId, hasImported: imported.length > 0, slow }
  }

  /** Recognises a secret that is in the verification cache. */
  recognise ({ clientId, slow }: ComparableSlowSecrets, text: string): NotedSecret | undefined {
    const now = this.#options.now()
    let found: NotedSecret | undefined
    for (const secret of slow) {
      const isVerified = this.#options.verified.has(clientId, text, secret.stored.text)
      if (isVerified && secret.expiresAt > now) found = secret
    }
    return found
  }

  /**
   * Compares a secret that was not recognised. A secret in the format of generated ones cannot be an imported one.
   *
   * @param address the source address of the request, whose budget is charged for a wrong secret
   * @throws StoreUnavailableError if it is unknown whether any client has an imported secret
   * @throws TemporarilyUnavailableError 429 if the budget of the address is exhausted, for unknown clients alike; or if too many
   *   secrets wait to be hashed
   */
  async compare ({ clientId, hasImported, slow }: ComparableSlowSecrets, presented: PresentedSecret, address: string | undefined): Promise<NotedSecret | undefined> {
    const { imported } = this.#options
    if (isGeneratedSecret(presented.text)) return undefined
    if (hasImported) imported.add()
    if (!await imported.exist()) return undefined
    this.#budget.check(address)
    let found: NotedSecret | undefined
    for (const secret of slow) if (await this.#isRight(clientId, secret, presented, address)) found = secret
    return found
  }

  // Many processes of one client may start together: concurrent requests share one hash of a secret.
  #isRight (clientId: string, secret: ComparableSecret<SlowDigest>, presented: PresentedSecret, address: string | undefined): Promise<boolean> {
    const key = JSON.stringify([clientId, secret.stored.text, presented.digests[0]!.toString('base64')])
    const comparing = this.#comparing.get(key) ?? this.#compare(clientId, secret, presented, address).finally(() => { this.#comparing.delete(key) })
    this.#comparing.set(key, comparing)
    return comparing
  }

  async #compare (clientId: string, secret: ComparableSecret<SlowDigest>, presented: PresentedSecret, address: string | undefined): Promise<boolean> {
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
