import { InvalidRequestError } from '../errors/oauth-error.ts'
import { parameter } from '../http/form.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { hasQueryParameter } from '../http/query.ts'
import type { ClientAuthMethod } from './client-auth-method.ts'

const URL_CREDENTIALS = new Set(['client_secret', 'client_assertion'])
// Maximum number of comma-separated parts in an Authorization field.
const MAX_PARTS = 100

// The credentials that RFC 6749 §2.3.1 and RFC 7521 §4.2 define. They count even if the flow does not support their method.
const STANDARD_CREDENTIALS: ReadonlyArray<readonly [mechanism: string, isCarried: (request: TokenRequest) => boolean]> = [
  ['authorization', (request) => request.header('authorization') !== undefined],
  ['client_secret', ({ form }) => parameter(form, 'client_secret') !== undefined],
  ['client_assertion', ({ form }) => parameter(form, 'client_assertion') !== undefined]
]

/**
 * Finds the methods whose credentials a request carries, all of one mechanism (RFC 6749 §2.3). Empty for a request without credentials.
 *
 * @throws InvalidRequestError for credentials in the URL (§2.3.1), and for those of more than one mechanism
 */
export function carriedMethods (methods: readonly ClientAuthMethod[], request: TokenRequest): readonly ClientAuthMethod[] {
  // Rejects credentials in the URL, because URLs are logged. Ignoring them would hide the mistake.
  if (hasQueryParameter(request.url, URL_CREDENTIALS)) throw new InvalidRequestError('Client credentials must not be in the URL')
  if (hasSeveralFields(request.header('authorization'))) throw severalMechanisms()
  const carried = methods.filter((method) => method.isSecondary !== true && isCarried(method, request))
  let found: string | undefined
  const count = (mechanism: string): void => {
    if (found !== undefined && found !== mechanism) throw severalMechanisms()
    found = mechanism
  }
  for (const method of carried) count(mechanismOf(method))
  for (const [mechanism, isThere] of STANDARD_CREDENTIALS) if (isThere(request)) count(mechanism)
  return found !== undefined ? carried : methods.filter((method) => method.isSecondary === true && isCarried(method, request))
}

/** Creates the error of a request with more than one authentication mechanism. */
export function severalMechanisms (): InvalidRequestError {
  return new InvalidRequestError('The client authenticates in more than one way')
}

function mechanismOf ({ name, scheme, mechanism = scheme === undefined ? name : 'authorization' }: ClientAuthMethod): string {
  return mechanism
}

// A promise would count as carried, even in a request without credentials.
function isCarried (method: ClientAuthMethod, request: TokenRequest): boolean {
  const answer: unknown = method.carries(request)
  if (typeof answer !== 'boolean') throw new TypeError(`carries of the client authentication method ${method.name} returned no boolean`)
  return answer
}

// Node.js joins several Authorization fields with ", ". After a comma, a further parameter of the same scheme (RFC 9110 §11.4)
// starts with a name and "=", and a further field with a scheme and a space.
function hasSeveralFields (authorization: string | undefined): boolean {
  if (authorization?.includes(',') !== true) return false
  const parts = authorization.split(/, */, MAX_PARTS)
  return parts.length === MAX_PARTS || parts.slice(1).some((part) => part === '' || SCHEME.test(part))
}

const SCHEME = /^[A-Za-z][\w.+-]*(?: |$)/
