import type { JWK } from 'jose'
import type { SigningKey } from '../jws/signing-key.ts'
import type { StoredKey } from '../stores/contracts/index.ts'
import { currentIndex, scheduleKeys } from './key-schedule.ts'
import type { ScheduledKey } from './key-schedule.ts'
import { openKey } from './open-key.ts'
import type { OpenKey } from './open-key.ts'
import type { SealingKeys } from './sealing-keys.ts'

/** A key of the ring, or why it is not ready for use. */
interface RingKey extends ScheduledKey {
  readonly opened: OpenKey | Unopened
}

interface Unopened {
  readonly problem: Error
}

/**
 * The keys that were read, or written, at one time, ready for use. Never empty.
 *
 * One that cannot be opened has its place among the others all the same: nothing signs when it should, since other
 * processes drop that other key before its tokens expire, and its own tokens are not called invalid.
 */
export class KeyRing {
  /** Why a key cannot be opened. Undefined if all can. */
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
   * @param previous what was in use before: its keys need no preparation, since a kid and an algorithm name one key only
   */
  static async open (keys: readonly StoredKey[], sealing: SealingKeys, time: number, keepFor: number, previous: KeyRing | undefined): Promise<KeyRing> {
    return new KeyRing(await Promise.all(scheduleKeys(keys, time, keepFor).map(async (scheduled) => {
      const known = previous === undefined ? undefined : previous.#byKid.get(scheduled.stored.kid)?.opened
      const isKnown = known !== undefined && 'key' in known && known.key.alg === scheduled.stored.alg
      return { ...scheduled, opened: isKnown ? known : await openKey(scheduled.stored, sealing).catch((problem: Error) => ({ problem })) }
    })))
  }

  /** The key that signs. Rejects if it cannot be opened. */
  current (time: number): SigningKey | Promise<SigningKey> {
    return keyOf((this.#keys[currentIndex(this.#keys, time)] as RingKey).opened)
  }

  /** @returns undefined for a key that is not there, or that no valid token can be signed with any more. Rejects for one that cannot be opened */
  find (kid: string, time: number): SigningKey | Promise<SigningKey> | undefined {
    const found = this.#byKid.get(kid)
    return found !== undefined && found.until >= time ? keyOf(found.opened) : undefined
  }

  /** The algorithm of a key that is ready for use. Undefined for any other. */
  algorithmOf (kid: string, time: number): string | undefined {
    const found = this.#byKid.get(kid)
    return found !== undefined && found.until >= time && 'key' in found.opened ? found.opened.key.alg : undefined
  }

  /** @throws the error of a key that cannot be opened: without it, its tokens would be invalid for those who ask */
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
