import { UsageError } from './errors.ts'
import type { Io } from './io.ts'

/**
 * Reads the peppers from OAUTH_PEPPERS. "none" means no pepper, as null does in the options of the registry.
 *
 * @throws UsageError as {@link secretsFrom}
 */
export function peppersFrom (env: Io['env']): Array<string | null> | undefined {
  return secretsFrom(env, 'OAUTH_PEPPERS')?.map((pepper) => pepper === 'none' ? null : pepper)
}

/**
 * Reads comma-separated secrets from an environment variable. There are no command-line options for secrets: other users of the
 * machine can see arguments, and the shell keeps them in its history.
 *
 * @returns undefined if the variable is not set
 * @throws UsageError for an empty one: it may be empty by mistake
 */
export function secretsFrom (env: Io['env'], name: 'OAUTH_PEPPERS' | 'OAUTH_SEALING_KEYS'): string[] | undefined {
  const secrets = env[name]?.split(',')
  if (secrets?.includes('')) throw new UsageError(`${name} is empty, or has an empty part. Set it to secrets separated by commas, or unset it`)
  return secrets
}
