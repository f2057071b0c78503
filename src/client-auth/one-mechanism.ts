import { InvalidRequestError } from '../errors/oauth-errors.ts'
import { parameter } from '../http/form.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { hasQueryParameter } from '../http/query.ts'

const URL_CREDENTIALS = new Set(['client_secret', 'client_assertion'])
// Of an Authorization field. More are no credentials of any scheme.
const MAX_PARTS = 100

/**
 * Rejects a request with credentials in its URL (RFC 6749 §2.3.1), or with more than one mechanism (§2.3). They are counted whether or
 * not they are enabled here: a request with two is ambiguous all the same.
 *
 * @throws InvalidRequestError
 */
export function rejectSeveralMechanisms (request: TokenRequest): void {
  // Never in the URI, which ends in logs. To ignore them would leave the client in its habit.
  if (hasQueryParameter(request.url, URL_CREDENTIALS)) throw new InvalidRequestError('Client credentials must not be in the URL')
  const { form } = request
  const authorization = request.header('authorization')
  let mechanisms = 0
  if (authorization !== undefined) mechanisms++
  if (parameter(form, 'client_secret') !== undefined) mechanisms++
  if (parameter(form, 'client_assertion') !== undefined) mechanisms++
  if (mechanisms > 1 || hasSeveralFields(authorization)) throw severalMechanisms()
}

// Several Authorization fields reach us joined by ", ". Behind a comma, another parameter of the same scheme (RFC 9110
// §11.4) begins with its name and "=", another field with a scheme and a space.
function hasSeveralFields (authorization: string | undefined): boolean {
  if (authorization?.includes(',') !== true) return false
  const parts = authorization.split(/, */, MAX_PARTS)
  return parts.length === MAX_PARTS || parts.slice(1).some((part) => part === '' || SCHEME.test(part))
}

const SCHEME = /^[A-Za-z][\w.+-]*(?: |$)/

/** The rejection of a request that authenticates in more than one way. */
export function severalMechanisms (): InvalidRequestError {
  return new InvalidRequestError('The client authenticates in more than one way')
}
