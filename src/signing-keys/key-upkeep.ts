import type { Entries } from '../entries/entries.ts'
import { isSigningAlgorithm } from '../jws/algorithms.ts'
import type { SigningAlgorithm } from '../jws/algorithms.ts'
import type { StoredKey } from '../stores/contracts/index.ts'
import { scheduleKeys, settle } from './key-schedule.ts'
import type { KeyChange, KeyRules, MakeKey } from './key-schedule.ts'
import { generateKey } from './private-jwk.ts'
import type { NamedKey } from './private-jwk.ts'
import type { KeySettings } from './signing-keys-options.ts'

/** What time brings to keys, by the rules of this process and by what all processes have agreed on. */
export class KeyUpkeep {
  readonly #own: KeySettings['rules']
  // Where it may be written what all processes agree on.
  readonly #agreements: Entries[]

  /** @param entries those of the store of the keys, if it has any */
  constructor (own: KeySettings['rules'], entries: Entries | undefined) {
    this.#own = own
    this.#agreements = entries === undefined ? [] : [entries]
  }

  /** Counts what is agreed on in another store too. */
  follow (entries: Entries): void {
    if (!this.#agreements.includes(entries)) this.#agreements.push(entries)
  }

  /** Whether it was read what all processes agree on. */
  get isInformed (): boolean {
    return this.#agreements.every(({ settings }) => settings !== undefined)
  }

  /** @throws the error of a store */
  async readSettings (): Promise<void> {
    await Promise.all(this.#agreements.map(async (entries) => await entries.readSettings()))
  }

  /** While processes with the agreed and with the pending settings work side by side, the safer of both counts. */
  get rules (): KeyRules {
    const known = this.#agreements.flatMap(({ settings }) => settings ?? [])
    const lifetime = Math.max(this.#own.maxTokenLifetime, ...known.map(({ longestTokenLifetime }) => longestTokenLifetime))
    const tolerance = Math.max(this.#own.clockTolerance, ...known.map(({ largestClockTolerance }) => largestClockTolerance))
    return {
      ...this.#own,
      keepFor: lifetime + tolerance,
      accepts: (algorithm) => known.some(({ agreed, pending }) => pending !== undefined && [agreed, pending].some((values) => values['keys.algorithm'] === algorithm))
    }
  }

  /**
   * What time alone brings. Before anything is written it is judged again by the settings as they are now, since another
   * process with a longer lifetime or another algorithm may have joined; and a key is dropped only if the clock of the store
   * says so too, since others need it though the clock of this process is ahead.
   */
  settle (): KeyChange {
    const makeKey = this.generator()
    return async (keys, time) => {
      if (await settle(this.rules, makeKey)(keys, time) === keys) return keys
      await this.readSettings()
      const settled = await settle(this.rules, makeKey)(keys, time)
      const dropped = keys.filter((key) => !settled.includes(key))
      const needed = dropped.length === 0 ? [] : await this.#stillNeeded(keys)
      const kept = [...settled, ...dropped.filter((key) => needed.includes(key))]
      return kept.length === keys.length && kept.every((key) => keys.includes(key)) ? keys : kept
    }
  }

  /** A key is generated once, even if the change that needs it is tried again. */
  generator (): MakeKey {
    const generated = new Map<SigningAlgorithm, Promise<NamedKey>>()
    return (name = this.#own.algorithm) => {
      const algorithm = isSigningAlgorithm(name) ? name : this.#own.algorithm
      const key = generated.get(algorithm) ?? generateKey(algorithm)
      generated.set(algorithm, key)
      return key
    }
  }

  async #stillNeeded (keys: readonly StoredKey[]): Promise<readonly StoredKey[]> {
    const times = await Promise.all(this.#agreements.map(async (entries) => await entries.readClock()))
    return times.length === 0 ? [] : scheduleKeys(keys, Math.min(...times), this.rules.keepFor).map(({ stored }) => stored)
  }
}
