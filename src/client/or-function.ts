import { OAuthClientError } from './errors.ts'

/** A value, or a function that returns the present one: for values that change while the process runs. */
export type OrFunction<T> = T | (() => T | Promise<T>)

/** Calls the function of an option, if it is one. @throws OAuthClientError OAUTH_CLIENT_CREDENTIAL_UNAVAILABLE */
export async function load<T> (name: string, value: OrFunction<T>): Promise<T> {
  try {
    return typeof value === 'function' ? await (value as () => T | Promise<T>)() : value
  } catch (cause) {
    throw unusable(name, 'See the cause.', cause)
  }
}

/** Creates the error of an option that gave no usable value. */
export function unusable (name: string, fix: string, cause?: unknown): OAuthClientError {
  return new OAuthClientError('OAUTH_CLIENT_CREDENTIAL_UNAVAILABLE', `The option "${name}" did not give a usable value. ${fix}`, { cause })
}
