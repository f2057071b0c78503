import { FlowConfigurationError } from '../errors/configuration-error.ts'
import type { FlowErrorCode } from '../errors/configuration-error.ts'
import { nearestName } from './nearest-name.ts'
import { enumerate } from './rules.ts'
import type { ErrorFactory, RequiredRule, Rule } from './rules.ts'

export * from './rules.ts'
export { nearestName } from './nearest-name.ts'

/** A rule for each option of `T`. A missing or superfluous rule is a compile error. */
export type OptionRules<T> = { readonly [Name in keyof T]-?: object extends Pick<T, Name> ? OptionalRule<Exclude<T[Name], undefined>> : RequiredRule<T[Name]> }

type AnyRule = Rule<unknown> & { readonly isRequired?: boolean }
type OptionalRule<T> = Rule<T> & { readonly isRequired?: never }

/** The description of an options object: the single source of validation, in constructors and in tests. */
export interface OptionsDescription<T> {
  /** The class or function that has the options, as users write it. */
  readonly of: string
  readonly options: OptionRules<T>
  /** Names of options of which at most one may be set. */
  readonly exclusive?: ReadonlyArray<ReadonlyArray<keyof T & string>>
  /** Validates options that depend on each other. @returns the problem and its fix */
  readonly together?: (options: T) => string | undefined
  /** Creates the error for a wrong value. Default FST_OAUTH_INVALID_OPTION. */
  readonly error?: ErrorFactory
}

/** Returns a factory of errors with a code. */
export function codedError (code: FlowErrorCode): ErrorFactory {
  return (detail) => new FlowConfigurationError(code, detail)
}

const invalidOption = codedError('FST_OAUTH_INVALID_OPTION')
const unknownOption = codedError('FST_OAUTH_UNKNOWN_OPTION')

// Maximum length of a name that is quoted in an error.
const MAX_NAME = 64
const NO_NAMES = new Set(Object.getOwnPropertyNames(Object.prototype))

/**
 * Checks an options object against its description: no unknown option, nothing missing, each value of its type and in its
 * range. An option that is `undefined` counts as omitted. Errors never quote a value: it may be a secret.
 *
 * @param path the path of the object, for nested options, such as "clientCertificate."
 * @throws FlowConfigurationError FST_OAUTH_UNKNOWN_OPTION, FST_OAUTH_INVALID_OPTION, or the error of the description
 */
export function checkOptions<T extends object> (options: unknown, description: OptionsDescription<T>, path = ''): asserts options is T {
  const { of, options: rules, exclusive = [], together, error = invalidOption } = description
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw error(`${path === '' ? `${of} needs an object with options` : `The option "${path.slice(0, -1)}" of ${of} must be an object`}, and not ${kindOf(options)}. Its options are ${enumerate(Object.keys(rules))}`)
  }
  checkNames(options, description, path)
  for (const [name, rule] of Object.entries(rules) as Array<[string, AnyRule]>) {
    checkValue(options as Record<string, unknown>, name, { error, ...rule }, `The option "${path}${name}" of ${of}`, path)
  }
  for (const group of exclusive) {
    const given = group.filter((name) => (options as T)[name] !== undefined)
    if (given.length > 1) throw error(`The options ${enumerate(given.map((name) => `"${path}${name}"`))} of ${of} exclude each other. Pass one of them`)
  }
  const problem = together?.(options as T)
  if (problem !== undefined) throw error(problem)
}

/** Checks only the names in an options object. @throws FlowConfigurationError FST_OAUTH_UNKNOWN_OPTION */
export function checkNames<T extends object> (options: object, { of, options: rules }: OptionsDescription<T>, path = ''): void {
  for (const name of namesOf(options)) if (!Object.hasOwn(rules, name)) throw unknownOption(describeUnknown(of, path, name, Object.keys(rules)))
}

/**
 * Checks an argument that is not an options object, such as the store of SigningKeys.
 *
 * @param of the class or function, as users write it
 * @throws FlowConfigurationError FST_OAUTH_INVALID_OPTION, or the error of the rule
 */
export function checkArgument<T> (value: unknown, rule: Rule<T>, of: string, name: string): asserts value is T {
  checkValue({ [name]: value }, name, { error: invalidOption, ...rule }, `The argument "${name}" of ${of}`, '')
}

/** Creates a rule for a nested options object. */
export function nested<T extends object> (description: OptionsDescription<T>): Rule<T> {
  return {
    accepts: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    demand: `an object with the options ${enumerate(Object.keys(description.options))}`,
    inside: (value, path) => { checkOptions(value, description, `${path}.`) }
  }
}

/** Creates a rule for an array of options objects. */
export function nestedList<T extends object> (description: OptionsDescription<T>): Rule<readonly T[]> {
  return {
    accepts: (value) => Array.isArray(value) && value.length > 0,
    demand: `an array of at least one object with the options ${enumerate(Object.keys(description.options))}`,
    inside: (value, path) => { (value as unknown[]).forEach((item, index) => { checkOptions(item, description, `${path}[${index}].`) }) }
  }
}

function checkValue (
  options: Readonly<Record<string, unknown>>, name: string, { accepts, demand, fix = 'Pass such a value', error = invalidOption, inside, isRequired }: AnyRule, subject: string, path: string
): void {
  const value = options[name]
  if (value === undefined && isRequired !== true) return
  if (value === undefined) throw error(`${subject} is required, and must be ${demand}. ${fix}`)
  if (!accepts(value, options)) throw error(`${subject} must be ${demand}, and not ${kindOf(value)}. ${fix}`)
  inside?.(value, `${path}${name}`)
}

// Includes the methods of class instances, to detect a store that is passed in place of options. Ignores non-enumerable
// properties, which functions of this package attach to options.
function namesOf (options: object): string[] {
  const names: string[] = []
  for (let part: object | null = options; part !== null && Object.getPrototypeOf(part) !== null; part = Object.getPrototypeOf(part)) {
    const own = part === options ? Object.keys(part) : Object.getOwnPropertyNames(part)
    names.push(...own.filter((name) => !NO_NAMES.has(name)))
  }
  return Object.getPrototypeOf(options) === null ? Object.keys(options) : names
}

function describeUnknown (of: string, path: string, name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  const others = known.length === 0 ? 'It has no options' : `Its options are ${enumerate(known)}`
  const shown = JSON.stringify(`${path}${name.slice(0, MAX_NAME)}`)
  return `${of} has no option ${shown}. ${nearest === undefined ? '' : `Did you mean "${path}${nearest}"? `}${others}`
}

function kindOf (value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'this array'
  if (value === '') return 'an empty string'
  if (typeof value === 'number') return Number.isNaN(value) ? 'NaN' : 'this number'
  return typeof value === 'object' ? 'this object' : `this ${typeof value}`
}
