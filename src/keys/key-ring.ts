import type { JWK } from 'jose'
import type { KeySet } from '../store/index.ts'
import type { SigningKey } from './index.ts'
import { toKeyObjects, toPublicJwk } from './jwk.ts'
import { currentIndex, scheduleKeys } from './lifecycle.ts'
import type { ScheduledKey } from './lifecycle.ts'

/** A key that is ready for use. */
interface RingKey extends ScheduledKey {
  readonly key: SigningKey
  readonly publicJwk: JWK
}

/** The keys of one version of the store, ready for use. Never empty. */
export class KeyRing {
  readonly version: number
  readonly #keys: readonly RingKey[]
  readonly #byKid: ReadonlyMap<string, RingKey>

  /**
   * @param set with at least one key
   * @param previous what was in use before: its keys need no preparation
   */
  constructor ({ version, keys }: KeySet, time: number, keepFor: number, previous: KeyRing | undefined) {
    this.version = version
    const known = previous === undefined ? undefined : previous.#byKid
    this.#keys = scheduleKeys(keys, time, keepFor).map((scheduled) => prepare(scheduled, known?.get(scheduled.stored.kid)))
    this.#byKid = new Map(this.#keys.map((key) => [key.stored.kid, key]))
  }

  current (time: number): SigningKey {
    return (this.#keys[currentIndex(this.#keys, time)] as RingKey).key
  }

  /** @returns undefined for a key that is not there, or that no valid token can be signed with any more */
  find (kid: string, time: number): SigningKey | undefined {
    const found = this.#byKid.get(kid)
    return found !== undefined && found.until >= time ? found.key : undefined
  }

  publicJwks (time: number): JWK[] {
    return this.#keys.filter(({ until }) => until >= time).map(({ publicJwk }) => ({ ...publicJwk }))
  }
}

function prepare (scheduled: ScheduledKey, known: RingKey | undefined): RingKey {
  const { kid, alg, privateJwk } = scheduled.stored
  if (known?.key.alg === alg) return { ...known, ...scheduled }
  const objects = toKeyObjects(privateJwk)
  return {
    ...scheduled,
    key: Object.freeze({ kid, alg, ...objects }),
    publicJwk: Object.freeze({ ...toPublicJwk(objects.publicKey), kid, alg, use: 'sig' })
  }
}
