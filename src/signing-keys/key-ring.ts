import type { JWK } from 'jose'
import type { SigningKey } from '../jws/signing-key.ts'
import type { StoredKey } from '../stores/contracts/index.ts'
import { currentIndex, scheduleKeys } from './key-schedule.ts'
import type { ScheduledKey } from './key-schedule.ts'
import { openKey } from './open-key.ts'
import type { OpenKey } from './open-key.ts'
import type { SealingKeys } from './sealing-keys.ts'

/** A key of the ring, or the error for which it cannot be used. */
interface RingKey extends ScheduledKey {
  readonly opened: OpenKey | Unopened
}

interface Unopened {
  readonly problem: Error
}

/**
 * The keys of one state of the store, imported and ready for use. Never empty.
 *
 * A key that cannot be opened keeps its place in the schedule. While it is the current key, nothing is signed: other processes
 * would drop a substitute before its tokens expire. Its tokens are not reported as invalid.
 */
export class KeyRing {
  /** The error of a key that cannot be opened. Undefined if all keys can. */
  readonly problem: Error | undefined
  readonly #keys: readonly RingKey[]
  readonly #byKid: ReadonlyMap<string, RingKey>

  private constructor (keys: readonly RingKey[]) {
    this.problem = keys.map(({ opened }) => problemOf(opened)).find((problem) => problem !== undefined)
    this.#keys = keys
    this.#byKid = new Map(keys.map((key) => [key.stored.kid, key]))
  }

  /**
   * @param keys at least one
   * @param previous the ring that was in use before. Its keys are reused, since a kid and an algorithm identify one key
   */
  static async open (keys: readonly StoredKey[], sealing: SealingKeys, time: number, keepFor: number, previous: KeyRing | undefined): Promise<KeyRing> {
    return new KeyRing(await Promise.all(scheduleKeys(keys, time, keepFor).map(async (scheduled) => {
      const known = previous === undefined ? undefined : previous.#byKid.get(scheduled.stored.kid)?.opened
      const isKnown = known !== undefined && 'key' in known && known.key.alg === scheduled.stored.alg
      return { ...scheduled, opened: isKnown ? known : await openKey(scheduled.stored, sealing).catch((problem: Error) => ({ problem })) }
    })))
  }

  /** Returns the key that signs. Rejects if it cannot be opened. */
  current (time: number): SigningKey | Promise<SigningKey> {
    return keyOf((this.#keys[currentIndex(this.#keys, time)] as RingKey).opened)
  }

  /** Finds a key. @returns undefined for an unknown key, and for one whose tokens have all expired. Rejects for one that cannot be opened */
  find (kid: string, time: number): SigningKey | Promise<SigningKey> | undefined {
    const found = this.#byKid.get(kid)
    return found !== undefined && found.until >= time ? keyOf(found.opened) : undefined
  }

  /** Returns the algorithm of a key that is ready for use. Undefined for any other. */
  algorithmOf (kid: string, time: number): string | undefined {
    const found = this.#byKid.get(kid)
    return found !== undefined && found.until >= time && 'key' in found.opened ? found.opened.key.alg : undefined
  }

  /**
   * Returns the public keys.
   *
   * @throws the error of a key that cannot be opened: a JWKS without it would make resource servers reject its tokens
   */
  publicJwks (time: number): JWK[] {
    return this.#keys.filter(({ until }) => until >= time).map(({ opened }) => {
      if ('problem' in opened) throw opened.problem
      return { ...opened.publicJwk }
    })
  }
}

function problemOf (opened: OpenKey | Unopened): Error | undefined {
  return 'problem' in opened ? opened.problem : undefined
}

function keyOf (opened: OpenKey | Unopened): SigningKey | Promise<SigningKey> {
  return 'problem' in opened ? Promise.reject(opened.problem) : opened.key
}
