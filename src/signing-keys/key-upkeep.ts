import type { Entries } from '../entries/entries.ts'
import { isSigningAlgorithm } from '../jws/algorithms.ts'
import type { SigningAlgorithm } from '../jws/algorithms.ts'
import type { StoredKey } from '../stores/contracts/index.ts'
import { scheduleKeys, settle } from './key-schedule.ts'
import type { KeyChange, KeyRules, MakeKey } from './key-schedule.ts'
import { generateKey } from './private-jwk.ts'
import type { NamedKey } from './private-jwk.ts'
import type { KeySettings } from './signing-keys-options.ts'

/** Rotates and drops keys by the clock, following the rules of this process and the agreed settings of all processes. */
export class KeyUpkeep {
  readonly #own: KeySettings['rules']
  // The stores that may contain the agreed settings of all processes.
  readonly #agreements: Entries[]

  /** @param entries of the store of the keys, if it has entries */
  constructor (own: KeySettings['rules'], entries: Entries | undefined) {
    this.#own = own
    this.#agreements = entries === undefined ? [] : [entries]
  }

  /** Considers the agreed settings of another store too. */
  follow (entries: Entries): void {
    if (!this.#agreements.includes(entries)) this.#agreements.push(entries)
  }

  /** Whether the agreed settings were read from all stores. */
  get isInformed (): boolean {
    return this.#agreements.every(({ settings }) => settings !== undefined)
  }

  /** Reads the agreed settings of all stores. @throws the error of a store */
  async readSettings (): Promise<void> {
    await Promise.all(this.#agreements.map(async (entries) => await entries.readSettings()))
  }

  /**
   * The effective rules. While processes with the agreed and with the pending settings run side by side, the safer value of
   * both applies.
   */
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
   * Returns the change that is due by the clock. Before a write, it reads the settings and computes the change again: another
   * process with a longer lifetime or another algorithm may have joined. It drops a key only if the clock of the store agrees:
   * the clock of this process may be ahead.
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

  /** Returns a generator that generates one key per algorithm, even if the change is attempted several times. */
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
