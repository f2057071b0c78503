import { isSigningAlgorithm } from '../../adapter.ts'
import type { AgreedValues } from '../../stores/contracts/index.ts'
import { UsageError } from '../errors.ts'
import { toSeconds } from '../../lib/duration.ts'

type Value = AgreedValues[string]
interface Kind { readonly read: (text: string) => Value | undefined, readonly expected: string }

const algorithm: Kind = { read: (text) => isSigningAlgorithm(text) ? text : undefined, expected: 'ES256, EdDSA, RS256 or PS256' }
const tolerance: Kind = { read: toSeconds, expected: 'a duration such as 0, 5s or 1m' }
const lifetime: Kind = { read: (text) => toSeconds(text) || undefined, expected: 'a duration above zero, such as 15m, 12h or 30d' }
const store: Kind = {
  read: (text) => text === 'null' || text === 'none' ? null : /^[\w-]{8,64}$/.test(text) ? text : undefined,
  expected: 'the id of a store, as the error of the server names it, or none'
}

/** The settings that all processes on a store must agree on. */
const SETTINGS: ReadonlyMap<string, Kind> = new Map([
  ['keys.algorithm', algorithm],
  ['keys.rotateEvery', lifetime],
  ['keys.announceFor', lifetime],
  ['keys.maxTokenLifetime', lifetime],
  ['keys.clockTolerance', tolerance],
  ['jwt.clockTolerance', tolerance],
  ['jwt.revocations', store],
  ['opaque.maxTokenLifetime', lifetime],
  ['opaque.clockTolerance', tolerance],
  ['opaque.revocations', store]
])

/** The names of all settings. */
export const SETTING_NAMES: readonly string[] = [...SETTINGS.keys()]

/**
 * Parses assignments.
 *
 * @param words `NAME=VALUE` each
 * @throws UsageError for an unknown or repeated name, or an invalid value
 */
export function readSettings (words: readonly string[]): AgreedValues {
  const values: Record<string, Value> = {}
  for (const word of words) {
    const [, name = '', text = ''] = /^([^=]*)=(.*)$/.exec(word) ?? []
    const kind = SETTINGS.get(name)
    if (kind === undefined) throw new UsageError(`"${word}" must be NAME=VALUE, with one of these names: ${SETTING_NAMES.join(', ')}`)
    if (Object.hasOwn(values, name)) throw new UsageError(`${name} is given twice`)
    const value = kind.read(text)
    if (value === undefined) throw new UsageError(`${name} must be ${kind.expected}, and not "${text}"`)
    values[name] = value
  }
  return values
}

/** Checks values that depend on each other. @throws UsageError for a combination that SigningKeys would reject */
export function checkSettings ({ 'keys.rotateEvery': rotateEvery, 'keys.announceFor': announceFor }: AgreedValues): void {
  if (typeof rotateEvery === 'number' && typeof announceFor === 'number' && rotateEvery <= announceFor) {
    throw new UsageError(`keys.rotateEvery (${rotateEvery}) must be greater than keys.announceFor (${announceFor}). Change both at once`)
  }
}
