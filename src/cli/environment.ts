import { UsageError } from './failure.ts'
import type { Io } from './io.ts'

/**
 * The peppers of OAUTH_PEPPERS. The word "none" stands for none, as null does for the registry.
 *
 * @throws UsageError as {@link secretsFrom}
 */
export function peppersFrom (env: Io['env']): Array<string | null> | undefined {
  return secretsFrom(env, 'OAUTH_PEPPERS')?.map((pepper) => pepper === 'none' ? null : pepper)
}

/**
 * Secrets that stand in the environment, separated by commas. They have no options: what is typed is seen by everybody
 * who lists processes, and stays in the history of the shell.
 *
 * @returns undefined where the variable is not there
 * @throws UsageError for an empty one, which must not mean none: it may be empty by accident
 */
export function secretsFrom (env: Io['env'], name: 'OAUTH_PEPPERS' | 'OAUTH_SEALING_KEYS'): string[] | undefined {
  const secrets = env[name]?.split(',')
  if (secrets?.includes('')) throw new UsageError(`${name} is empty, or has an empty part. Set it to secrets with commas between them, or unset it`)
  return secrets
}
