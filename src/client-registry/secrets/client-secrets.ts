import { isGeneratedSecret } from '../../lib/generated-secret.ts'
import type { StoredSecret } from '../../stores/contracts/index.ts'
import type { ComparableSecret } from './comparable-secret.ts'
import { FastSecrets } from './fast-secrets.ts'
import type { PresentedSecret, SecretHashes, StoredDigest } from './fast-secrets.ts'
import type { NotedSecret } from './secret-uses.ts'
import { SlowSecrets } from './slow-secrets.ts'
import type { ComparableSlowSecrets, SlowSecretsOptions } from './slow-secrets.ts'

/** The secrets of a client, parsed for comparison. */
export interface ComparableSecrets extends ComparableSlowSecrets {
  readonly fast: ReadonlyArray<ComparableSecret<StoredDigest>>
}

/** Options of ClientSecrets. */
export interface ClientSecretsOptions extends SlowSecretsOptions {
  hashes: SecretHashes
}

/** Verifies presented secrets: compares all fast hashes first, and slow ones only if necessary. */
export class ClientSecrets {
  readonly #options: ClientSecretsOptions
  readonly #fast: FastSecrets
  readonly #slow: SlowSecrets
  /** The secrets of a client that does not exist. Comparing with them takes as long as with real ones. */
  readonly nobody: ComparableSecrets

  constructor (options: ClientSecretsOptions) {
    this.#options = options
    this.#fast = new FastSecrets(options.hashes)
    this.#slow = new SlowSecrets(options)
    this.nobody = this.prepare('', [])
  }

  prepare (clientId: string, secrets: readonly StoredSecret[]): ComparableSecrets {
    return { fast: this.#fast.prepare(secrets), ...this.#slow.prepare(clientId, secrets) }
  }

  present (secret: string): PresentedSecret {
    return this.#options.hashes.present(secret)
  }

  /** Recognises a secret without slow hashing: one with a fast hash, or one that is in the verification cache. */
  recognise (secrets: ComparableSecrets, presented: PresentedSecret): NotedSecret | undefined {
    const found = this.#fast.find(secrets.fast, presented, this.#options.now())
    return found !== undefined || isGeneratedSecret(presented.text) ? found : this.#slow.recognise(secrets, presented.text)
  }

  /** Compares a secret that was not recognised with imported secrets. @see SlowSecrets.compare */
  compareSlowly (secrets: ComparableSecrets, presented: PresentedSecret, address: string | undefined): Promise<NotedSecret | undefined> {
    return this.#slow.compare(secrets, presented, address)
  }
}
