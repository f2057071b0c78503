import { codedError } from './check-options.ts'
import { callable, listOf, names, seconds, withError } from './rules.ts'
import type { Rule } from './rules.ts'

/** The audience of tokens. */
export const AUDIENCE: Rule<string | readonly string[]> = withError(names(), codedError('FST_OAUTH_INVALID_AUDIENCE'), 'Pass the URL of the API')

/** Seconds for which cached data is used while its source is unavailable. */
export const MAX_STALE: Rule<number> = withError(seconds(0), codedError('FST_OAUTH_INVALID_MAX_STALE'))

/** A function that is called with the error of an outage. */
export const ON_ERROR: Rule<(error: Error) => void> = callable<(error: Error) => void>('that takes an Error')

/** Creates a rule for JWS algorithms. */
export function algorithmsOf (known: readonly string[]): Rule<readonly string[]> {
  return { ...listOf<string>((name) => known.includes(name as string), known.join(', ')), fix: 'Pass names of JWS algorithms' }
}
