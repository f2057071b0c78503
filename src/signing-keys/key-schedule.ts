// The state of a key follows from its times alone, so that all processes agree without communication. This file reads neither a
// clock nor a store. Times and durations are in seconds.
import type { SigningAlgorithm } from '../jws/algorithms.ts'
import type { StoredKey } from '../stores/contracts/index.ts'
import type { NamedKey } from './private-jwk.ts'

/** The state of a key: announced only, signing, or kept to verify tokens that it has signed. */
export type KeyState = 'next' | 'current' | 'retired'

/** The rules of key rotation. */
export interface KeyRules {
  readonly algorithm: SigningAlgorithm
  readonly rotateEvery: number
  readonly announceFor: number
  /** Seconds that a key is kept after another key has replaced it. */
  readonly keepFor: number
  /** Whether a key of another algorithm may continue to sign, while processes with both algorithms run side by side. */
  readonly accepts?: (algorithm: string) => boolean
}

/** A key and the time until which it is kept. */
export interface ScheduledKey {
  readonly stored: StoredKey
  /** The last second in which it is kept. Infinity while no other key is scheduled to replace it. */
  readonly until: number
}

/** Sorts keys by the time when they begin to sign, and drops those whose tokens have all expired at `time`. */
export function scheduleKeys (keys: readonly StoredKey[], time: number, keepFor: number): ScheduledKey[] {
  const sorted = keys.toSorted((a, b) => a.activeFrom - b.activeFrom || (a.kid < b.kid ? -1 : 1))
  return sorted
    .map((stored, index) => ({ stored, until: (sorted[index + 1]?.activeFrom ?? Infinity) + keepFor }))
    .filter(({ until }) => until >= time)
}

/**
 * Returns the index of the key that signs: the last one whose `activeFrom` has passed. If there is none, because this clock is
 * behind that of the process that generated the first key, it is the first key. -1 without keys.
 */
export function currentIndex (keys: readonly ScheduledKey[], time: number): number {
  return Math.max(keys.findLastIndex(({ stored }) => stored.activeFrom <= time), Math.min(0, keys.length - 1))
}

/** Returns the state of the key at `index` in a schedule. */
export function stateOf (index: number, current: number): KeyState {
  return index === current ? 'current' : index > current ? 'next' : 'retired'
}

/** Generates a key, if one has to be added. @param algorithm default that of the rules */
export type MakeKey = (algorithm?: string) => NamedKey | Promise<NamedKey>

/** Computes a change of the keys. Returns the same array if nothing changes. */
export type KeyChange = (keys: readonly StoredKey[], time: number) => readonly StoredKey[] | Promise<readonly StoredKey[]>

/**
 * Returns the change that is due by the clock: adds the first key, or the next one when the current key is due for rotation,
 * and drops keys that are no longer needed.
 */
export function settle (rules: KeyRules, makeKey: MakeKey): KeyChange {
  return async (keys, time) => {
    const schedule = scheduleKeys(keys, time, rules.keepFor)
    const kept = schedule.length < keys.length ? schedule.map(({ stored }) => stored) : keys
    const index = currentIndex(schedule, time)
    const current = schedule[index]?.stored
    const isDue = current === undefined || !isAccepted(current.alg, rules) || time - current.activeFrom >= rules.rotateEvery - rules.announceFor
    return isDue && index === schedule.length - 1 ? addKey(kept, time, rules, await makeKey()) : kept
  }
}

function isAccepted (algorithm: string, rules: KeyRules): boolean {
  return algorithm === rules.algorithm || rules.accepts?.(algorithm) === true
}

/**
 * Returns the change that adds a next key, unless there is one, or another process has added a key since the first attempt.
 * Concurrent calls in many processes add one key.
 */
export function announce (rules: KeyRules, makeKey: MakeKey): KeyChange {
  let known: Set<string> | undefined
  return async (keys, time) => {
    const schedule = scheduleKeys(keys, time, rules.keepFor)
    const hasNext = currentIndex(schedule, time) < schedule.length - 1
    const before = known ??= new Set(keys.map(({ kid }) => kid))
    return hasNext || keys.some(({ kid }) => !before.has(kid)) ? keys : addKey(keys, time, rules, await makeKey())
  }
}

/**
 * Returns the change that adds an imported key, after all other keys.
 *
 * @throws TypeError if the same key exists with another algorithm (RFC 8725 §3.1: a key is used with one algorithm)
 */
export function add (rules: KeyRules, key: NamedKey): KeyChange {
  return (keys, time) => {
    const same = keys.find(({ kid }) => kid === key.kid)
    if (same === undefined) return addKey(keys, time, rules, key)
    if (same.alg !== key.alg) throw new TypeError(`The key is there already, for ${same.alg}. Import another key for ${key.alg}`)
    return keys
  }
}

/**
 * Returns the change that removes a key. If it is the current key, the announced key replaces it immediately, or else a new key
 * of the same algorithm.
 */
export function withdraw (rules: KeyRules, kid: string, makeKey: MakeKey): KeyChange {
  return async (keys, time) => {
    const schedule = scheduleKeys(keys, time, rules.keepFor)
    const index = schedule.findIndex(({ stored }) => stored.kid === kid)
    const rest = keys.filter((key) => key.kid !== kid)
    const revoked = schedule[index]?.stored
    if (rest.length === keys.length) return keys
    if (revoked === undefined || index !== currentIndex(schedule, time)) return rest
    const next = schedule[index + 1]?.stored
    if (next === undefined) return [...rest, { ...await makeKey(revoked.alg), createdAt: time, activeFrom: time }]
    return rest.map((key) => key === next ? { ...key, activeFrom: time } : key)
  }
}

function addKey (keys: readonly StoredKey[], time: number, { announceFor }: KeyRules, key: NamedKey): readonly StoredKey[] {
  // Two keys never have the same `activeFrom`, so that their order is the same in all processes.
  const activeFrom = keys.length === 0 ? time : Math.max(time + announceFor, ...keys.map((other) => other.activeFrom + 1))
  return [...keys, { ...key, createdAt: time, activeFrom }]
}
