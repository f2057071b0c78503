import { isSigningAlgorithm } from '../../adapter.ts'
import type { SigningAlgorithm, SigningKeysOptions } from '../../adapter.ts'
import type { StoredSettings } from '../../stores/contracts/index.ts'
import type { Invocation, Option } from '../command.ts'
import { UsageError } from '../errors.ts'
import { secondsOf, textOf } from '../values.ts'

/** The options of the commands for keys. The values that the servers on the store have registered take precedence. */
export const KEY_RULE_OPTIONS: Readonly<Record<string, Option>> = {
  algorithm: { type: 'string', placeholder: 'NAME', description: 'the algorithm of new keys: ES256, EdDSA, RS256 or PS256' },
  'rotate-every': { type: 'string', placeholder: 'TIME', description: 'how long a key signs' },
  'announce-for': { type: 'string', placeholder: 'TIME', description: 'how long a new key is announced before it signs' },
  'max-token-lifetime': { type: 'string', placeholder: 'TIME', description: 'the longest lifetime of tokens' },
  'clock-tolerance': { type: 'string', placeholder: 'TIME', description: 'how far clocks may differ' }
}

export const SAME_RULES = 'The rules of the keys are those that the servers on the store have registered: settings show. Options are only needed before the first server has started, and must equal the options of SigningKeys. Defaults: ES256, 30d, 1h, 24h and 1m.'

/** The names of each option on the command line, in the settings, and in SigningKeys. */
const RULES = [
  ['algorithm', 'keys.algorithm', 'algorithm'],
  ['rotate-every', 'keys.rotateEvery', 'rotateEvery'],
  ['announce-for', 'keys.announceFor', 'announceFor'],
  ['max-token-lifetime', 'keys.maxTokenLifetime', 'maxTokenLifetime'],
  ['clock-tolerance', 'keys.clockTolerance', 'clockTolerance']
] as const satisfies ReadonlyArray<readonly [option: string, setting: string, member: keyof SigningKeysOptions]>

type Rules = Partial<Record<typeof RULES[number][2], string | number>>

/** Returns the rules that are given on the command line. @throws UsageError for a malformed one */
export function givenRules ({ values }: Invocation): Rules {
  return Object.fromEntries(RULES.flatMap(([option, , member]) => {
    const value = option === 'algorithm' ? algorithmOf(values) : secondsOf(values, option)
    return value === undefined ? [] : [[member, value]]
  }))
}

/** Returns the algorithm that is given on the command line. @throws UsageError */
export function algorithmOf (values: Invocation['values']): SigningAlgorithm | undefined {
  const name = textOf(values, 'algorithm')
  if (name !== undefined && !isSigningAlgorithm(name)) throw new UsageError(`--algorithm must be ES256, EdDSA, RS256 or PS256, and not "${name}"`)
  return name
}

/**
 * Returns the rules of the servers on a store, or those of the command line if no server has registered them.
 *
 * @throws UsageError for an option that is neither the agreed nor the pending value
 */
export function agreedRules (given: Rules, { agreed, pending = {}, longestTokenLifetime, largestClockTolerance }: StoredSettings): SigningKeysOptions {
  const rules: Record<string, unknown> = { ...given }
  for (const [option, setting, member] of RULES) {
    const values = [agreed, pending].flatMap((settings) => Object.hasOwn(settings, setting) ? [settings[setting]] : [])
    if (values.length === 0) continue
    const value = given[member]
    if (value !== undefined && !values.includes(value)) {
      throw new UsageError(`--${option} is ${value}, and the servers on this store have ${values.join(' or ')}. Leave the option out, or change it for all of them: settings change ${setting}=${value}`)
    }
    rules[member] ??= values[0]
  }
  // Uses the longer of two lifetimes, so that no key is dropped while its tokens are valid.
  if (rules.maxTokenLifetime !== undefined) rules.maxTokenLifetime = Math.max(Number(rules.maxTokenLifetime), longestTokenLifetime)
  if (rules.clockTolerance !== undefined) rules.clockTolerance = Math.max(Number(rules.clockTolerance), largestClockTolerance)
  return rules
}
