// What a key is at a moment follows from its times alone, so that all processes agree without talking to each other.
// Nothing in here reads a clock or a store. Times and durations are in seconds.
import type { SigningAlgorithm } from '../jws/algorithms.ts'
import type { StoredKey } from '../stores/contracts/index.ts'
import type { NamedKey } from './private-jwk.ts'

/** Announced only, signing, or still needed by tokens that it has signed. */
export type KeyState = 'next' | 'current' | 'retired'

/** The rules that keys live by. */
export interface KeyRules {
  readonly algorithm: SigningAlgorithm
  readonly rotateEvery: number
  readonly announceFor: number
  /** How long a key is kept after another one took its place. */
  readonly keepFor: number
  /** Whether a key of another algorithm may go on signing: while processes with either algorithm work side by side. */
  readonly accepts?: (algorithm: string) => boolean
}

/** A key with the time that ends it. */
export interface ScheduledKey {
  readonly stored: StoredKey
  /** The last second in which it is known. Infinity while no other key is going to take its place. */
  readonly until: number
}

/** Puts keys in the order in which they sign, and drops those that no token can need at `time`. */
export function scheduleKeys (keys: readonly StoredKey[], time: number, keepFor: number): ScheduledKey[] {
  const sorted = keys.toSorted((a, b) => a.activeFrom - b.activeFrom || (a.kid < b.kid ? -1 : 1))
  return sorted
    .map((stored, index) => ({ stored, until: (sorted[index + 1]?.activeFrom ?? Infinity) + keepFor }))
    .filter(({ until }) => until >= time)
}

/**
 * Finds the key that signs: the last whose time has come. Where none's has, since this clock is behind the one of the
 * process that made the first key, it is the first. -1 without keys.
 */
export function currentIndex (keys: readonly ScheduledKey[], time: number): number {
  return Math.max(keys.findLastIndex(({ stored }) => stored.activeFrom <= time), Math.min(0, keys.length - 1))
}

/** Says what the key at `index` is, among the keys of a schedule. */
export function stateOf (index: number, current: number): KeyState {
  return index === current ? 'current' : index > current ? 'next' : 'retired'
}

/** Generates the key that is to be added, if one is. @param algorithm default that of the rules */
export type MakeKey = (algorithm?: string) => NamedKey | Promise<NamedKey>

/** Decides what becomes of the keys. Returns the very same list where nothing does. */
export type KeyChange = (keys: readonly StoredKey[], time: number) => readonly StoredKey[] | Promise<readonly StoredKey[]>

/** What time alone brings: a first key, a next one when the current one is due, and the end of those that nobody needs. */
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
 * A next key, unless there is one, or somebody has added a key since this was tried first: however many processes ask
 * for it at once, it is one.
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
 * A key that was made elsewhere, behind all others.
 *
 * @throws TypeError if it is there already, for another algorithm (RFC 8725 §3.1: a key is used with one)
 */
export function add (rules: KeyRules, key: NamedKey): KeyChange {
  return (keys, time) => {
    const same = keys.find(({ kid }) => kid === key.kid)
    if (same === undefined) return addKey(keys, time, rules, key)
    if (same.alg !== key.alg) throw new TypeError(`The key is there already, for ${same.alg}. Import another key for ${key.alg}`)
    return keys
  }
}

/** The keys without one. If that signs now, the one that is announced takes its place at once, else a new one of the same algorithm. */
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
  // Never at the same second as another, so that the order is the same for everybody.
  const activeFrom = keys.length === 0 ? time : Math.max(time + announceFor, ...keys.map((other) => other.activeFrom + 1))
  return [...keys, { ...key, createdAt: time, activeFrom }]
}
