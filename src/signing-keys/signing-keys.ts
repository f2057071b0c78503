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
 * The signing keys of this server, in a store that its processes share. A key is announced in the JWKS, then signs, then
 * is kept until the last of its tokens has expired. All of that happens by the clock, and when somebody asks: there is
 * no timer. A change is one compare-and-set: any number of processes may try, and one new key comes of it.
 *
 * A change by another process is known here within a second, and asking for keys rarely waits. While the store is
 * unavailable, the keys that are known stay in use for `maxStale`.
 *
 * With `sealingKeys` whoever reads the store cannot sign; keys that were stored without, or sealed with an older one, are
 * sealed anew when a process starts. Whoever writes to the store can add a key of theirs, sealed or not.
 *
 * A key in the store that cannot be opened, or is not the one that its kid names, is refused: at start everything
 * rejects, but for `list` and `revoke`; later nothing is changed any more, and nothing signs in its place when its time
 * comes. It stays in the store until it is revoked.
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
  // Why a key that was read cannot be opened, or one that is due cannot be written.
  #problem: Error | undefined

  constructor (store: KeyStore, options: SigningKeysOptions = {}) {
    checkArgument(store, required(KEY_STORE), 'SigningKeys', 'store')
    const settings = resolveKeyOptions(options)
    const { algorithm, maxTokenLifetime, announceFor } = settings.rules
    this.algorithm = algorithm as SigningAlgorithm
    this.maxTokenLifetime = maxTokenLifetime
    // Whoever has a copy of the JWKS has fetched another one by the time that a new key signs.
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
   * The key that signs now. A promise only at first, and after a while in which nobody asked. It rejects if the store
   * fails at first or for longer than `maxStale`, with the store's error, and for a key that cannot be opened.
   */
  current (): SigningKey | Promise<SigningKey> {
    const ring = this.#ready()
    return isThenable(ring) ? ring.then((ready) => this.#currentOf(ready)) : this.#currentOf(ring)
  }

  /**
   * The key that a token names. A promise as `current`, and for one that is not known here but may be in the store.
   *
   * @param isThorough reads the store for each that is not known. Default false: ten times a second at most
   */
  find (kid: string, isThorough = false): SigningKey | undefined | Promise<SigningKey | undefined> {
    if (isThorough) return this.#findThoroughly(kid)
    const ring = this.#ready()
    return isThenable(ring) ? ring.then((ready) => this.#findIn(ready, kid)) : this.#findIn(ring, kid) ?? this.#findMissing(kid)
  }

  // Bound: a key source of the application may inherit from an object of this class.
  readonly followSettings = (entries: Entries): void => { this.#upkeep.follow(entries) }

  /** Whether a key is valid at this moment, as far as this process has read. */
  holds (kid: string, alg: string): boolean {
    return this.#ring?.algorithmOf(kid, this.#now()) === alg && !this.#isRevoked(kid)
  }

  /** The public keys, for everybody (RFC 7517 §5): those that are announced, sign, or have signed tokens that may be valid. */
  async toJwks (): Promise<JSONWebKeySet> {
    const jwks = (await this.#ready()).publicJwks(this.#now())
    if (!jwks.some(({ kid }) => this.#isRevoked(kid as string))) return { keys: jwks }
    // The revocation of a key was read before the keys were: another one has taken its place.
    await this.refresh()
    return { keys: (this.#ring as KeyRing).publicJwks(this.#now()).filter(({ kid }) => !this.#isRevoked(kid as string)) }
  }

  /**
   * Reads the store now, and generates the key that is due. Nobody has to, but at start it finds a store that does not work.
   *
   * @throws the store's error, or that of a key that cannot be opened
   */
  async refresh (): Promise<void> {
    await this.#writer.change(this.#upkeep.settle())
  }

  /** Announces a new key, which signs after `announceFor`; the first ever at once. The one that is announced already, if one is. */
  async rotate (options: ChangeOptions = {}): Promise<KeyInformation> {
    checkOptions(options, KEY_CHANGE)
    const keys = this.#describe(await this.#writer.change(announce(this.#upkeep.rules, this.#upkeep.generator()), options))
    return (keys.find(({ state }) => state === 'next') ?? keys.at(-1)) as KeyInformation
  }

  /**
   * Revokes a key, since somebody else may have it: its tokens are invalid, here now and in other processes within a second.
   * If it is the one that signs, another takes its place at once: the one that is announced, else a new one of the same
   * algorithm. A resource server that keeps a copy of the JWKS goes on to accept its tokens until that is renewed. It need
   * not be one that can be opened.
   *
   * @returns false for a key that is not there
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
   * Adds a private key that was made elsewhere. It signs after `announceFor` and behind every other that is announced; the
   * first ever at once. One that is there already is left as it is.
   *
   * @param key an unencrypted PEM, or a JWK
   * @throws TypeError for what is no private key, RSA of less than 2048 bits, or does not fit the algorithm
   */
  async import (key: string | JWK, options: ImportOptions = {}): Promise<KeyInformation> {
    checkOptions(options, KEY_IMPORT)
    const { algorithm, ...change } = options
    const named = await importKey(key, algorithm, this.algorithm)
    const keys = this.#describe(await this.#writer.change(add(this.#upkeep.rules, named), change))
    return keys.find(({ kid }) => kid === named.kid) as KeyInformation
  }

  /** Lists the keys as they are in the store, in the order in which they sign. */
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

  // Keys that were read are recent, even if one of them cannot be opened, or the store cannot be written. A write is waited
  // for as long as the state need not be younger, and always where there are no keys yet.
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
    // Its revocation was read before the keys were: another one takes its place.
    return this.refresh().then(() => (this.#ring as KeyRing).current(this.#now()))
  }

  #findIn (ring: KeyRing, kid: string): SigningKey | Promise<SigningKey> | undefined {
    return this.#isRevoked(kid) ? undefined : ring.find(kid, this.#now())
  }

  #findMissing (kid: string): Promise<SigningKey | undefined> | undefined {
    if (this.#isRevoked(kid)) return undefined
    return this.#seeker.seek().then(() => {
      const key = this.#findIn(this.#ring as KeyRing, kid)
      // Another process may have made it in an outage of this one: that is no reason to call its tokens invalid.
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

  // Returns the error of a key that cannot be opened.
  async #adopt (keys: readonly StoredKey[], step: number): Promise<Error | undefined> {
    if (keys.length === 0) return undefined
    const opened = await KeyRing.open(keys, this.#sealing, this.#now(), this.#upkeep.rules.keepFor, this.#ring)
    // A process that has just started with the wrong sealing keys is to tell at once, not when the key's time comes.
    const isRejected = this.#ring === undefined && opened.problem !== undefined
    // A read that took its time may bring what was there before the last one, or the last change.
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
