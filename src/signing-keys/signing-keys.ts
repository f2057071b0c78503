import type { JSONWebKeySet, JWK } from 'jose'
import { Entries } from '../entries/entries.ts'
import { toUnavailable } from '../entries/to-unavailable.ts'
import type { SigningAlgorithm } from '../jws/algorithms.ts'
import type { SigningKey } from '../jws/signing-key.ts'
import { measureAge } from '../lib/age.ts'
import { BackgroundRefresh } from '../lib/background-refresh.ts'
import type { Read } from '../lib/background-refresh.ts'
import type { Clock } from '../lib/clock.ts'
import { isThenable } from '../lib/maybe-promise.ts'
import { checkArgument, checkOptions, required } from '../options/check-options.ts'
import type { AgreedValues, KeyStore, StoredKey } from '../stores/contracts/index.ts'
import { KEY_STORE } from '../stores/contracts/option-rules.ts'
import { KeyRing } from './key-ring.ts'
import { add, announce, currentIndex, scheduleKeys, stateOf, withdraw } from './key-schedule.ts'
import { KeySeeker } from './key-seeker.ts'
import { KeySetWriter } from './key-set-writer.ts'
import type { KeySource } from './key-source.ts'
import { KeyUpkeep } from './key-upkeep.ts'
import { importKey } from './private-jwk.ts'
import { SealingKeys } from './sealing-keys.ts'
import { KEY_CHANGE, KEY_IMPORT, resolveKeyOptions } from './signing-keys-options.ts'
import type { ChangeOptions, ImportOptions, KeyInformation, KeySettings, SigningKeysOptions } from './signing-keys-options.ts'

export type { ChangeOptions, ImportOptions, KeyInformation, SigningKeysOptions } from './signing-keys-options.ts'

const MAX_JWKS_AGE = 900

// Milliseconds. The first read may create tables, and generate an RSA key.
const START_LIMIT = 10_000
const WRITE_LIMIT = 500

/**
 * The signing keys of this server, in a store that its processes share. A key is announced in the JWKS, then signs, then is
 * kept until the last of its tokens has expired. Requests trigger the changes that are due by the clock: there is no timer.
 * Each change is one compare-and-set: if several processes rotate at the same time, one new key is added.
 *
 * A change by another process takes effect here within a second, and methods rarely wait for the store. While the store is
 * unavailable, the cached keys stay in use for `maxStale`.
 *
 * With `sealingKeys`, read access to the store is not enough to sign. Keys that were stored unsealed, or sealed with an older
 * sealing key, are sealed again when a process starts. With write access to the store, an attacker can still add a key, sealed
 * or not.
 *
 * A key in the store that cannot be opened, or does not match its kid, is rejected. At start, all methods except `list` and
 * `revoke` reject. Later, keys are no longer changed, and nothing signs once that key is the current one. It stays in the store
 * until it is revoked.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_SIGNING_KEYS, FST_OAUTH_INVALID_SEALING_KEYS, FST_OAUTH_INVALID_OPTION, FST_OAUTH_UNKNOWN_OPTION. Methods reject with
 *   FST_OAUTH_SEALED_SIGNING_KEY and FST_OAUTH_WRONG_SIGNING_KEY
 */
export class SigningKeys implements KeySource {
  readonly algorithm: SigningAlgorithm
  readonly maxTokenLifetime: number
  readonly jwksMaxAge: number
  readonly agreed: AgreedValues
  readonly entries: Entries | undefined
  readonly state: BackgroundRefresh
  readonly #store: KeyStore
  readonly #settings: KeySettings
  readonly #writer: KeySetWriter
  readonly #sealing: SealingKeys
  readonly #seeker: KeySeeker
  readonly #upkeep: KeyUpkeep
  readonly #now: Clock
  readonly #onError: SigningKeysOptions['onError']
  #ring: KeyRing | undefined
  #adoptedStep = 0
  #starting: Promise<Error | undefined> | undefined
  // The error of a key that was read and cannot be opened, or of one that is due and cannot be written.
  #problem: Error | undefined

  constructor (store: KeyStore, options: SigningKeysOptions = {}) {
    checkArgument(store, required(KEY_STORE), 'SigningKeys', 'store')
    const settings = resolveKeyOptions(options)
    const { algorithm, maxTokenLifetime, announceFor } = settings.rules
    this.algorithm = algorithm as SigningAlgorithm
    this.maxTokenLifetime = maxTokenLifetime
    // Every cached JWKS expires before a new key signs.
    this.jwksMaxAge = Math.min(Math.floor(announceFor / 2), MAX_JWKS_AGE)
    this.agreed = settings.agreed
    this.#store = store
    this.#settings = settings
    this.#now = settings.now
    this.#sealing = new SealingKeys(options.sealingKeys)
    this.entries = Entries.of(store, { now: settings.now })
    this.#upkeep = new KeyUpkeep(settings.rules, this.entries)
    this.#writer = new KeySetWriter({
      store, sealing: this.#sealing, entries: this.entries, now: settings.now, adopt: async (keys, step) => await this.#adopt(keys, step)
    })
    this.#onError = options.onError
    this.state = new BackgroundRefresh(() => this.#read(), { now: settings.now, onOutage: (error) => { this.#notify(error) } })
    this.#seeker = new KeySeeker(this.state, settings.now)
  }

  /**
   * Returns the key that signs now. Returns a promise on first use, and after a time without calls. It rejects with the store's
   * error if the store fails at first or for longer than `maxStale`, and for a key that cannot be opened.
   */
  current (): SigningKey | Promise<SigningKey> {
    const ring = this.#ready()
    return isThenable(ring) ? ring.then((ready) => this.#currentOf(ready)) : this.#currentOf(ring)
  }

  /**
   * Finds a key by the kid of a token. Returns a promise as `current` does, and for an unknown key that may be in the store.
   *
   * @param isThorough reads the store for each unknown key. Default false: at most ten times a second
   */
  find (kid: string, isThorough = false): SigningKey | undefined | Promise<SigningKey | undefined> {
    if (isThorough) return this.#findThoroughly(kid)
    const ring = this.#ready()
    return isThenable(ring) ? ring.then((ready) => this.#findIn(ready, kid)) : this.#findIn(ring, kid) ?? this.#findMissing(kid)
  }

  // An arrow function, since a key source of the application may inherit from an instance of this class.
  readonly followSettings = (entries: Entries): void => { this.#upkeep.follow(entries) }

  /** Returns whether a key is valid now, by the state that this process has read. */
  holds (kid: string, alg: string): boolean {
    return this.#ring?.algorithmOf(kid, this.#now()) === alg && !this.#isRevoked(kid)
  }

  /** Returns the public keys (RFC 7517 §5): those that are announced, sign, or have signed tokens that may be valid. */
  async toJwks (): Promise<JSONWebKeySet> {
    const jwks = (await this.#ready()).publicJwks(this.#now())
    if (!jwks.some(({ kid }) => this.#isRevoked(kid as string))) return { keys: jwks }
    // The revocation of a key was read before the keys: refresh, since another key has replaced it.
    await this.refresh()
    return { keys: (this.#ring as KeyRing).publicJwks(this.#now()).filter(({ kid }) => !this.#isRevoked(kid as string)) }
  }

  /**
   * Reads the store now, and generates the key that is due. Calling it is optional; at start it detects a store that does not
   * work.
   *
   * @throws the store's error, or that of a key that cannot be opened
   */
  async refresh (): Promise<void> {
    await this.#writer.change(this.#upkeep.settle())
  }

  /**
   * Announces a new key, which signs after `announceFor`; the first key of a store signs immediately. If a key is already
   * announced, returns that key.
   */
  async rotate (options: ChangeOptions = {}): Promise<KeyInformation> {
    checkOptions(options, KEY_CHANGE)
    const keys = this.#describe(await this.#writer.change(announce(this.#upkeep.rules, this.#upkeep.generator()), options))
    return (keys.find(({ state }) => state === 'next') ?? keys.at(-1)) as KeyInformation
  }

  /**
   * Revokes a compromised key: its tokens become invalid, here immediately and in other processes within a second. If it is the
   * current key, the announced key replaces it immediately, or else a new key of the same algorithm. A resource server that
   * caches the JWKS accepts its tokens until the cache expires. Keys that cannot be opened can be revoked too.
   *
   * @returns false for an unknown key
   */
  async revoke (kid: string, options: ChangeOptions = {}): Promise<boolean> {
    checkOptions(options, KEY_CHANGE)
    let isThere = false
    const change = withdraw(this.#upkeep.rules, kid, this.#upkeep.generator())
    await this.#writer.change(async (keys, time) => {
      isThere ||= keys.some((key) => key.kid === kid)
      return await change(keys, time)
    }, { ...options, revokedKid: kid })
    return isThere
  }

  /**
   * Imports a private key. It signs after `announceFor`, and after every other key that is announced; the first key of a store
   * signs immediately. An existing key is left unchanged.
   *
   * @param key an unencrypted PEM, or a JWK
   * @throws TypeError for a value that is not a private key, an RSA key of less than 2048 bits, or a key that does not fit the
   *   algorithm
   */
  async import (key: string | JWK, options: ImportOptions = {}): Promise<KeyInformation> {
    checkOptions(options, KEY_IMPORT)
    const { algorithm, ...change } = options
    const named = await importKey(key, algorithm, this.algorithm)
    const keys = this.#describe(await this.#writer.change(add(this.#upkeep.rules, named), change))
    return keys.find(({ kid }) => kid === named.kid) as KeyInformation
  }

  /** Reads the keys from the store and lists them in the order in which they sign. */
  async list (): Promise<KeyInformation[]> {
    const { keys } = await this.#store.readKeys()
    return this.#describe(keys)
  }

  #ready (): KeyRing | Promise<KeyRing> {
    if (this.#ring === undefined) return this.#start()
    const reading = this.state.whenStale(this.#settings.maxStale)
    return reading === undefined ? this.#usableRing() : reading.then(() => this.#usableRing())
  }

  async #start (): Promise<KeyRing> {
    this.#starting ??= this.state.renew(START_LIMIT).finally(() => { this.#starting = undefined })
    const error = await this.#starting
    if (this.#ring === undefined) throw toUnavailable((error ?? this.#problem) as Error)
    return this.#ring
  }

  // Keys that were read count as recent, even if one of them cannot be opened, or the store cannot be written. Waits for a
  // write at most WRITE_LIMIT milliseconds, and without a limit if there are no keys yet.
  async #read (): ReturnType<Read> {
    if (!this.#upkeep.isInformed) await this.#upkeep.readSettings()
    let isRead = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const age = measureAge(this.#now)
    const problem = await new Promise<Error | undefined>((resolve) => {
      const onRead = (): void => {
        isRead = true
        if (this.#ring !== undefined) timer ??= setTimeout(resolve, Math.max(WRITE_LIMIT - age(), 0), undefined)
      }
      this.#writer.change(this.#upkeep.settle(), { onRead }).then(() => undefined, (error: Error) => error).then((error) => {
        clearTimeout(timer)
        if (isRead) this.#setProblem(error)
        resolve(error)
      })
    })
    if (problem !== undefined && !isRead) throw problem
    return () => {}
  }

  #setProblem (problem: Error | undefined): void {
    const isNew = this.#problem === undefined
    this.#problem = problem
    if (problem !== undefined && isNew) this.#notify(problem)
  }

  #notify (error: Error): void {
    if (this.#ring !== undefined) this.#onError?.(error)
  }

  #usableRing (): KeyRing {
    if (this.state.error !== undefined && this.state.age() > this.#settings.maxStale) throw toUnavailable(this.state.error)
    return this.#ring as KeyRing
  }

  #currentOf (ring: KeyRing): SigningKey | Promise<SigningKey> {
    const key = ring.current(this.#now())
    if (isThenable(key) || !this.#isRevoked(key.kid)) return key
    // Its revocation was read before the keys: refresh, since another key replaces it.
    return this.refresh().then(() => (this.#ring as KeyRing).current(this.#now()))
  }

  #findIn (ring: KeyRing, kid: string): SigningKey | Promise<SigningKey> | undefined {
    return this.#isRevoked(kid) ? undefined : ring.find(kid, this.#now())
  }

  #findMissing (kid: string): Promise<SigningKey | undefined> | undefined {
    if (this.#isRevoked(kid)) return undefined
    return this.#seeker.seek().then(() => {
      const key = this.#findIn(this.#ring as KeyRing, kid)
      // Another process may have generated it while this one could not read: do not report its tokens as invalid.
      if (key === undefined && this.state.error !== undefined && !this.#writer.isReadable) throw toUnavailable(this.state.error)
      return key
    })
  }

  async #findThoroughly (kid: string): Promise<SigningKey | undefined> {
    const known = await this.#findIn(await this.#ready(), kid)
    if (known !== undefined || this.#isRevoked(kid)) return known
    await this.refresh()
    return await this.#findIn(this.#ring as KeyRing, kid)
  }

  #isRevoked (kid: string): boolean {
    return this.entries?.isKeyRevoked(kid) === true
  }

  // Applies keys that were read or written. Returns the error of a key that cannot be opened.
  async #adopt (keys: readonly StoredKey[], step: number): Promise<Error | undefined> {
    if (keys.length === 0) return undefined
    const opened = await KeyRing.open(keys, this.#sealing, this.#now(), this.#upkeep.rules.keepFor, this.#ring)
    // A process that starts with the wrong sealing keys must fail immediately, not when the key becomes the current one.
    const isRejected = this.#ring === undefined && opened.problem !== undefined
    // A slow read may return an older state than a later read or change.
    if (step > this.#adoptedStep && !isRejected) {
      this.#ring = opened
      this.#adoptedStep = step
    }
    return opened.problem
  }

  #describe (keys: readonly StoredKey[]): KeyInformation[] {
    const time = this.#now()
    const schedule = scheduleKeys(keys, time, this.#upkeep.rules.keepFor)
    const current = currentIndex(schedule, time)
    return schedule.map(({ stored: { kid, alg, createdAt, activeFrom, privateJwk } }, index) => {
      return { kid, alg, state: stateOf(index, current), createdAt, activeFrom, isSealed: typeof privateJwk === 'string' }
    })
  }
}
