import type { Clock } from '../lib/clock.ts'

/** The rule for a value. `T` is the type of accepted values. */
export interface Rule<T> {
  /** @param options the object that has the option, since a rule may depend on other options */
  readonly accepts: (value: unknown, options: Readonly<Record<string, unknown>>) => boolean
  /** Completes "must be …". */
  readonly demand: string
  /** The fix for an invalid value, a sentence. Default "Pass such a value". */
  readonly fix?: string
  /** Creates the error for an invalid value, if it has a code of its own. */
  readonly error?: ErrorFactory
  /** Checks the content of an accepted value, such as the options of an object in an array. */
  readonly inside?: (value: unknown, path: string) => void
  /** Never set: associates the rule with the type of its option. */
  readonly type?: () => T
}

/** A rule for a required option. */
export interface RequiredRule<T> extends Rule<T> { readonly isRequired: true }

/** Creates an error. @param detail the problem and its fix, without the passed value */
export type ErrorFactory = (detail: string) => Error

/** Makes an option required. */
export function required<T> (rule: Rule<T>): RequiredRule<T> {
  return { ...rule, isRequired: true }
}

/** Sets the error of a rule, or its fix. */
export function withError<R extends Rule<unknown>> (rule: R, error: ErrorFactory, fix?: string): R {
  return { ...rule, error, ...fix !== undefined && { fix } }
}

/** Accepts `null` too. @param meaning of `null` */
export function orNull<T> (rule: Rule<T>, meaning: string): Rule<T | null> {
  return { ...rule, accepts: (value, options) => value === null || rule.accepts(value, options), demand: `${rule.demand}, or null for ${meaning}` } as Rule<T | null>
}

/** Creates a rule for a string of at least so many characters. */
export function text (minLength = 1): Rule<string> {
  return {
    accepts: (value) => typeof value === 'string' && value.length >= minLength,
    demand: minLength > 1 ? `a string of at least ${minLength} characters` : minLength === 0 ? 'a string' : 'a string that is not empty'
  }
}

/** Creates a rule for a whole number within a range. @param unit such as "seconds" */
export function wholeNumber (min: number, { max = Number.MAX_SAFE_INTEGER, unit }: { max?: number, unit?: string } = {}): Rule<number> {
  return {
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
    demand: `a whole number${unit === undefined ? '' : ` of ${unit}`}, ${min} or more${max < Number.MAX_SAFE_INTEGER ? ` and at most ${max}` : ''}`
  }
}

/** Creates a rule for a whole number of seconds, `min` or more. */
export function seconds (min: number, max?: number): Rule<number> {
  return wholeNumber(min, { unit: 'seconds', ...max !== undefined && { max } })
}

/** `true` or `false`. */
export function flag (): Rule<boolean> {
  return { accepts: (value) => typeof value === 'boolean', demand: 'true or false' }
}

/** A function. @param what it does, such as "that returns the time" */
export function callable<T extends (...args: never[]) => unknown> (what?: string): Rule<T> {
  return { accepts: (value) => typeof value === 'function', demand: what === undefined ? 'a function' : `a function ${what}` }
}

/** A clock. */
export const CLOCK: Rule<Clock> = callable<Clock>('that returns seconds since 1970')

/** Creates a rule for one of several strings. */
export function oneOf<T extends string> (...values: readonly T[]): Rule<T> {
  const names = values.map((value) => JSON.stringify(value))
  return { accepts: (value) => values.includes(value as T), demand: names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : `${names[0]}` }
}

/** An array. @param what its items are, such as "scope names" */
export function listOf<T> (isItem: (value: unknown) => boolean, what: string, min = 1): Rule<readonly T[]> {
  return {
    accepts: (value) => Array.isArray(value) && value.length >= min && value.every(isItem),
    demand: `an array of ${min > 0 ? 'at least one of ' : ''}${what}`
  }
}

/** Creates a rule for a non-empty string, or a non-empty array of them. */
export function names (): Rule<string | readonly string[]> {
  return {
    accepts: (value) => (Array.isArray(value) ? value : [value]).every(isName) && (!Array.isArray(value) || value.length > 0),
    demand: 'a string that is not empty, or an array of such strings'
  }
}

/** Creates a rule for an object with arbitrary names, such as a table of scopes. */
export function table<T extends object> (demand = 'an object'): Rule<T> {
  return { accepts: isTable, demand }
}

/**
 * Creates a rule for an object with these methods, of any class: implementations outside of this package, and of another copy
 * of it, are accepted.
 *
 * @param what it is, such as "a store of signing keys"
 */
export function withMethods<T extends object> (what: string, ...methods: ReadonlyArray<keyof T & string>): Rule<T> {
  return { accepts: (value) => hasMethods(value, methods), demand: `${what}: an object with the ${methods.length > 1 ? 'methods' : 'method'} ${enumerate(methods)}` }
}

/** Returns whether a value has all of these methods. */
export function hasMethods (value: unknown, methods: readonly string[]): boolean {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function')
}

/** Returns whether a value is an object other than an array, Map or Set. */
export function isTable (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value)
}

/** Joins names for a sentence: "a, b and c". */
export function enumerate (list: readonly string[]): string {
  return list.length > 1 ? `${list.slice(0, -1).join(', ')} and ${list.at(-1)}` : list.join('')
}

function isName (value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}
