import querystring from 'fast-querystring'
import { InvalidRequestError } from '../errors/oauth-error.ts'
import type { FormParameters } from './plain-request.ts'

/** The media type of every request to an OAuth endpoint (RFC 6749 §4.4.2). */
export const FORM_MEDIA_TYPE = 'application/x-www-form-urlencoded'

/** The largest body that a token request may have, in bytes: room for a client assertion with a certificate chain. */
export const FORM_BODY_LIMIT = 65_536

/** How many parameters a form may have. The requests of RFC 6749, RFC 7523 and RFC 8707 have a handful. */
export const MAX_PARAMETERS = 100

/**
 * Decodes an application/x-www-form-urlencoded string (RFC 6749 appendix B). A malformed percent sequence stays as it is. Does NOT bound
 * the number of parameters: see {@link hasTooManyParameters}.
 */
export function parseForm (text: string): FormParameters {
  return querystring.parse(text)
}

/**
 * Returns whether a form has more than `MAX_PARAMETERS`. It counts separators instead of parsing: parsing 20,000 parameters
 * takes 20 milliseconds.
 */
export function hasTooManyParameters (text: string): boolean {
  let count = 0
  for (let at = text.indexOf('&'); at !== -1; at = text.indexOf('&', at + 1)) if (++count >= MAX_PARAMETERS) return true
  return false
}

/** Creates the error for a form with more than `MAX_PARAMETERS`. */
export function tooManyParameters (): InvalidRequestError {
  return new InvalidRequestError(`The request has more than ${MAX_PARAMETERS} parameters`)
}

/**
 * Rejects a form in which a parameter, known or unknown, is sent more than once (RFC 6749 §3.2).
 *
 * @param repeatable the one parameter that may be sent more than once
 * @throws InvalidRequestError
 */
export function refuseRepeatedParameters (form: FormParameters, repeatable?: string): void {
  for (const name in form) {
    if (typeof form[name] === 'string' || name === repeatable) continue
    throw new InvalidRequestError(Array.isArray(form[name]) ? 'A parameter was sent more than once' : 'A parameter is not a string')
  }
}

/** Creates the error for a body in another format, or without a media type (RFC 6749 §4.4.2). */
export function notAForm (): InvalidRequestError {
  return new InvalidRequestError(`The parameters must be sent in the body as ${FORM_MEDIA_TYPE}`)
}

/** Creates the error for a body above {@link FORM_BODY_LIMIT}. The status is 413, so that clients do not retry. */
export function formTooLarge (): InvalidRequestError {
  return new InvalidRequestError('The request body is too large', { status: 413 })
}

/** Returns a parameter that was sent once. An empty value counts as omitted (RFC 6749 §3.2). */
export function parameter (form: FormParameters, name: string): string | undefined {
  const value = form[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
