import type { JSONWebKeySet, JWK } from 'jose'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { FlowConfigurationError } from '../configuration-error.ts'
import { publishKeyChanges } from '../events/administration.ts'
import { LazyRefresh } from '../lazy-refresh.ts'
import type { KeySet, KeyStore, StoredKey } from '../store/index.ts'
import type { KeySource, SigningKey } from './index.ts'
import { generateKey, importKey, isSigningAlgorithm } from './jwk.ts'
import type { NamedKey, SigningAlgorithm } from './jwk.ts'
import { KeyRing } from './key-ring.ts'
import { add, announce, currentIndex, scheduleKeys, settle, stateOf, withdraw } from './lifecycle.ts'
import type { KeyChange, KeyRules, KeyState } from './lifecycle.ts'
import { SealingKeys } from './sealing-keys.ts'

/** How keys are made and how long they live. The same for all processes over one store, or they work against each other. */
export interface SigningKeysOptions {
  /** What new keys sign with. After a change the next key is of the new one, and takes over as in any rotation. Default "ES256". */
  algorithm?: SigningAlgorithm
  /** Seconds that a key signs. More than `announceFor`. Default 30 days. */
  rotateEvery?: number
  /** Seconds that a new key is in the JWKS before it signs, for those who keep a copy of that. Default 3600. */
  announceFor?: number
  /** Seconds: no token lives longer. A key that no longer signs is kept for so long. Default 86400. */
  maxTokenLifetime?: number
  /** Seconds that clocks may differ. Default 60. */
  clockTolerance?: number
  /**
   * What private keys are sealed with in the store (RFC 7517 section 7, AES-256-GCM): each 32 random bytes as base64url,
   * base64 or hex, from the environment. The first seals, all of them open. To change it, give the new one to all
   * processes, behind the other; then put it in front; then leave the other out once every process has started anew.
   * Default none: private keys are stored as they are.
   */
  sealingKeys?: readonly string[]
  /** Is told once per outage that the store fails, or holds a key that cannot be opened, while the keys that are known stay in use. Default nobody is. */
  onError?: (error: Error) => void
  /** Default the clock of the machine. */
  now?: Clock
}

/** What operators may know of a key. Times are in seconds since 1970. */
export interface KeyInformation {
  /** Its name in the header of tokens and in the JWKS: its thumbprint (RFC 7638). */
  kid: string
  /** What it signs with, as JWS names it (RFC 7518 section 3.1, RFC 8037). */
  alg: string
  /** Whether it is announced, signs, or has signed. */
  state: KeyState
  /** When it was made, or imported. */
  createdAt: number
  /** When it begins, or began, to sign. */
  activeFrom: number
  /** Whether the private key is sealed in the store. */
  isSealed: boolean
}

// Each attempt is lost to somebody who has changed something. So many in a row: the store never says yes.
const MAX_ATTEMPTS = 100
const MAX_JWKS_AGE = 900
// Milliseconds. Another process must know within a second that a key was revoked; a look at the store costs the request that
// comes first after half of that nothing, since it does not wait.
const FRESH = 500
const STALE = 1000

/**
 * The signing keys of this server, in a store that its processes share. A key is announced in the JWKS, then signs, then
 * is kept until the last of its tokens has expired. All of that happens by the clock, and when somebody asks: there is
 * no timer. A change is one compare-and-set: any number of processes may try, and one new key comes of it.
 *
 * What another process has changed is known here within a second, and asking for keys rarely waits. If the store fails,
 * the keys that are known stay in use.
 *
 * With `sealingKeys` whoever reads the store cannot sign; keys that were stored without, or sealed with an older one, are
 * sealed anew when a process starts. Whoever writes to the store can add a key of theirs, sealed or not.
 *
 * A key in the store that cannot be opened, or is not the one that its kid names, is refused: at start everything
 * rejects, but for `list` and `revoke`; later nothing is changed any more, and nothing signs in its place when its time
 * comes. It stays in the store until it is revoked.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_SIGNING_KEYS, FST_OAUTH_INVALID_SEALING_KEYS. Methods reject with
 *   FST_OAUTH_SEALED_SIGNING_KEY and FST_OAUTH_WRONG_SIGNING_KEY
 */
export class SigningKeys implements KeySource {
  readonly algorithm: SigningAlgorithm
  readonly maxTokenLifetime: number
  readonly jwksMaxAge: number
  readonly #store: KeyStore
  readonly #rules: KeyRules
  readonly #sealing: SealingKeys
  readonly #now: Clock
  readonly #refresh: LazyRefresh
  #ring: KeyRing | undefined
  // Whether the last reading of the store told what is there.
  #isReadable = true
  // Counts readings of the store and changes to the ring, to tell which was first.
  #steps = 0
  #adoptedAt = 0
  #hasStarted = false

  constructor (store: KeyStore, options: SigningKeysOptions = {}) {
    const {
      algorithm = 'ES256', rotateEvery = 30 * 86_400, announceFor = 3600, maxTokenLifetime = 86_400, clockTolerance = 60, sealingKeys, onError, now = systemClock
    } = options
    const startedAt = now() * 1000 - performance.now()
    const areTimes = [rotateEvery, announceFor, maxTokenLifetime, clockTolerance + 1].every((time) => Number.isSafeInteger(time) && time > 0)
    if (!isSigningAlgorithm(algorithm) || !areTimes || rotateEvery <= announceFor) throw new FlowConfigurationError('FST_OAUTH_INVALID_SIGNING_KEYS')
    this.algorithm = algorithm
    this.maxTokenLifetime = maxTokenLifetime
    // Whoever has a copy of the JWKS has fetched another one by the time that a new key signs.
    this.jwksMaxAge = Math.min(Math.floor(announceFor / 2), MAX_JWKS_AGE)
    this.#store = store
    this.#sealing = new SealingKeys(sealingKeys)
    this.#rules = { algorithm, rotateEvery, announceFor, keepFor: maxTokenLifetime + clockTolerance }
    this.#now = now
    this.#refresh = new LazyRefresh(() => this.refresh(), {
      fresh: FRESH,
      stale: STALE,
      // A clock that is put forward counts too: by then, a key may be due.
      now: () => Math.max(performance.now(), now() * 1000 - startedAt),
      onError: (error) => { if (this.#ring !== undefined) onError?.(error) }
    })
  }

  /**
   * The key that signs now. A promise only at first, and after a while in which nobody asked. It rejects if the store
   * fails at first, with the store's error, and for a key that cannot be opened.
   */
  current (): SigningKey | Promise<SigningKey> {
    const ring = this.#ready()
    return ring instanceof Promise ? ring.then((ready) => ready.current(this.#now())) : ring.current(this.#now())
  }

  /**
   * The key that a token names. A promise as `current`, and for one that is not known here but may be in the store.
   *
   * @param isThorough reads the store for each that is not known. Default false: twice a second at most
   */
  find (kid: string, isThorough = false): SigningKey | undefined | Promise<SigningKey | undefined> {
    if (isThorough) return this.#findThoroughly(kid)
    const ring = this.#ready()
    return ring instanceof Promise ? ring.then((ready) => ready.find(kid, this.#now())) : ring.find(kid, this.#now()) ?? this.#findMissing(kid)
  }

  /** The public keys, for everybody (RFC 7517 §5): those that are announced, sign, or have signed tokens that may be valid. */
  async toJwks (): Promise<JSONWebKeySet> {
    const ring = await this.#ready()
    return { keys: ring.publicJwks(this.#now()) }
  }

  /**
   * Reads the store now, and makes the key that is due. Nobody has to, but at start it finds a store that does not work.
   *
   * @throws the store's error, or that of a key that cannot be opened
   */
  async refresh (): Promise<void> {
    await this.#change(settle(this.#rules, this.#generator()))
  }

  /** Announces a new key, which signs after `announceFor`; the first ever at once. The one that is announced already, if one is. */
  async rotate (): Promise<KeyInformation> {
    const keys = await this.#change(announce(this.#rules, this.#generator()))
    return (keys.find(({ state }) => state === 'next') ?? keys.at(-1)) as KeyInformation
  }

  /**
   * Drops a key at once, since somebody else may have it: its tokens are invalid, here now and in other processes as
   * soon as they know. If it is the one that signs, another takes its place at once. A resource server that keeps a copy
   * of the JWKS goes on to accept its tokens until that is renewed. It need not be one that can be opened.
   *
   * @returns false for a key that is not there
   */
  async revoke (kid: string): Promise<boolean> {
    let isThere = false
    const change = withdraw(this.#rules, kid, this.#generator())
    await this.#change(async (keys, time) => {
      isThere ||= keys.some((key) => key.kid === kid)
      return await change(keys, time)
    }, { revokedKid: kid })
    return isThere
  }

  /**
   * Adds a private key that was made elsewhere. It signs after `announceFor` and behind every other that is announced; the
   * first ever at once. One that is there already is left as it is.
   *
   * @param key an unencrypted PEM, or a JWK
   * @param options.algorithm default the `alg` of the JWK, else the one of these keys. If it is another than theirs, a
   *   key of theirs is announced as soon as this one signs
   * @throws TypeError for what is no private key, RSA of less than 2048 bits, or does not fit the algorithm
   */
  async import (key: string | JWK, { algorithm }: { algorithm?: SigningAlgorithm } = {}): Promise<KeyInformation> {
    const named = await importKey(key, algorithm, this.algorithm)
    const keys = await this.#change(add(this.#rules, named))
    return keys.find(({ kid }) => kid === named.kid) as KeyInformation
  }

  /** Lists the keys as they are in the store, in the order in which they sign. */
  async list (): Promise<KeyInformation[]> {
    const { keys } = await this.#store.readKeys()
    return this.#describe(keys)
  }

  #ready (): KeyRing | Promise<KeyRing> {
    const ring = this.#ring
    if (ring === undefined) return this.#start()
    const reading = this.#refresh.whenOld()
    return reading === undefined ? ring : reading.then(() => this.#ring as KeyRing)
  }

  async #start (): Promise<KeyRing> {
    const error = await this.#refresh.now()
    if (this.#ring === undefined) throw error
    return this.#ring
  }

  #findMissing (kid: string): Promise<SigningKey | undefined> | undefined {
    return this.#refresh.whenMissing()?.then((error) => {
      const key = (this.#ring as KeyRing).find(kid, this.#now())
      // Another process may have made it in an outage of this one: that is no reason to call its tokens invalid.
      if (key === undefined && error !== undefined && !this.#isReadable) throw error
      return key
    })
  }

  async #findThoroughly (kid: string): Promise<SigningKey | undefined> {
    const known = await (await this.#ready()).find(kid, this.#now())
    if (known !== undefined) return known
    await this.refresh()
    return await (this.#ring as KeyRing).find(kid, this.#now())
  }

  // Reads, decides and writes, again and again until nobody came in between.
  async #change (change: KeyChange, { revokedKid }: { revokedKid?: string } = {}): Promise<KeyInformation[]> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const step = ++this.#steps
      this.#isReadable = false
      const set = await this.#store.readKeys()
      this.#isReadable = true
      // What others have changed counts, even if this process cannot write.
      const problem = await this.#adopt(set, step)
      if (problem !== undefined && revokedKid === undefined) throw problem
      const changed = await change(set.keys, this.#now())
      // What another has sealed is left alone but at start, and when there is something to write anyway: processes
      // whose lists begin with different keys would write in turns for ever.
      const keys = await this.#sealing.seal(changed, !this.#hasStarted || changed !== set.keys)
      const isWritten = keys !== set.keys && await this.#store.replaceKeys({ version: set.version, keys })
      if (keys !== set.keys && !isWritten) continue
      this.#hasStarted = true
      publishKeyChanges(set.keys, keys, revokedKid)
      if (isWritten) await this.#adopt({ version: set.version + 1, keys }, step)
      return this.#describe(keys)
    }
    throw new Error(`The store has refused ${MAX_ATTEMPTS} changes to the signing keys in a row`)
  }

  // Returns what is wrong with a key, if anything is.
  async #adopt (set: KeySet, step: number): Promise<Error | undefined> {
    if (set.keys.length === 0) return undefined
    const opened = await KeyRing.open(set, this.#sealing, this.#now(), this.#rules.keepFor, this.#ring)
    const ring = this.#ring
    // A reading that took its time may bring what was there before the last change. A lower version that was read after
    // it is news, though: the store was set back.
    const isOlder = ring !== undefined && set.version < ring.version && step < this.#adoptedAt
    // A process that has just started with the wrong sealing keys is to tell at once, not when the key's time comes.
    const isRefused = ring === undefined && opened.problem !== undefined
    if (!isOlder && !isRefused) {
      this.#ring = opened
      this.#adoptedAt = ++this.#steps
    }
    return opened.problem
  }

  // A key is made once, even if the change that needs it is tried again.
  #generator (): () => Promise<NamedKey> {
    let generated: Promise<NamedKey> | undefined
    return () => {
      generated ??= generateKey(this.algorithm)
      return generated
    }
  }

  #describe (keys: readonly StoredKey[]): KeyInformation[] {
    const time = this.#now()
    const schedule = scheduleKeys(keys, time, this.#rules.keepFor)
    const current = currentIndex(schedule, time)
    return schedule.map(({ stored: { kid, alg, createdAt, activeFrom, privateJwk } }, index) => {
      return { kid, alg, state: stateOf(index, current), createdAt, activeFrom, isSealed: typeof privateJwk === 'string' }
    })
  }
}
