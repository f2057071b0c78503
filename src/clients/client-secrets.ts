import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { StoredSecret } from '../stores/index.ts'
import { randomDigest } from './client-secret-hash.ts'
import type { PresentedSecret, SecretHashes, StoredDigest } from './client-secret-hash.ts'
import { isGeneratedSecret } from './generated-secret.ts'
import type { ImportedSecrets } from './imported-secrets.ts'
import type { NotedSecret } from './secret-uses.ts'
import { randomSlowDigest } from './slow-secret-hash.ts'
import type { SlowDigest, SlowSecretHashes } from './slow-secret-hash.ts'
import type { VerifiedSecrets } from './verified-secrets.ts'

interface Comparable<T> extends NotedSecret {
  readonly expiresAt: number
  readonly stored: T
}

/** The secrets of a client, ready to be compared. Of each kind there is one at least, if only one that no secret has. */
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
  verified: VerifiedSecrets
  imported: ImportedSecrets
  now: Clock
}

/**
 * Compares presented secrets with those of a client. What is computed depends on the form of what was presented, and not on
 * whether there is such a client, is disabled, or has another secret: each of those takes as long as the others.
 */
export class ClientSecrets {
  readonly #options: ClientSecretsOptions
  // What no secret has. One for all clients: it is compared with and never told, and random bytes are dear.
  readonly #noFast = randomDigest()
  readonly #noSlow = randomSlowDigest()
  /** The secrets of a client that is not there. */
  readonly nobody: ComparableSecrets

  constructor (options: ClientSecretsOptions) {
    this.#options = options
    this.nobody = this.prepare('', [])
  }

  prepare (clientId: string, secrets: readonly StoredSecret[]): ComparableSecrets {
    const { hashes, slowHashes } = this.#options
    const fast = secrets.filter(({ isImported }) => !isImported).map((secret) => toComparable(secret, hashes.parse(secret.hash) ?? this.#noFast))
    const slow = secrets.filter(({ isImported }) => isImported).map((secret) => toComparable(secret, slowHashes.parse(secret.hash) ?? this.#noSlow))
    return {
      clientId,
      hasImported: slow.length > 0,
      fast: fast.length > 0 ? fast : [toComparable(NONE, this.#noFast)],
      slow: slow.length > 0 ? slow : [toComparable(NONE, this.#noSlow)]
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
   * of these, and where no client has one, nothing needs to take as long as if it had.
   *
   * @throws StoreUnavailableError when it is not known whether any client has one
   * @throws TemporarilyUnavailableError when too many secrets wait to be hashed
   */
  async compareSlowly ({ clientId, hasImported, slow }: ComparableSecrets, presented: PresentedSecret): Promise<NotedSecret | undefined> {
    const { imported, slowHashes, verified, now } = this.#options
    if (isGeneratedSecret(presented.text)) return undefined
    if (hasImported) imported.add()
    if (!await imported.exist()) return undefined
    let found: NotedSecret | undefined
    for (const secret of slow) {
      const isEqual = await slowHashes.verify(presented, secret.stored)
      if (!isEqual || secret.expiresAt <= now()) continue
      verified.add(clientId, presented.text, secret.stored.text)
      found = secret
    }
    return found
  }
}

const NONE: StoredSecret = { id: '', hash: '', createdAt: 0, expiresAt: 0 }

function toComparable<T> ({ id, expiresAt = Infinity }: StoredSecret, stored: T): Comparable<T> {
  return { id, notedAt: -Infinity, expiresAt, stored }
}
