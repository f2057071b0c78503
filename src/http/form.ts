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
 * Decodes an application/x-www-form-urlencoded text (RFC 6749 appendix B). A malformed percent sequence stays as it is. Does NOT bound
 * the number of parameters: see {@link hasTooManyParameters}.
 */
export function parseForm (text: string): FormParameters {
  return querystring.parse(text)
}

/** Returns whether a form has more than `MAX_PARAMETERS`: counted, since to parse twenty thousand takes twenty milliseconds. */
export function hasTooManyParameters (text: string): boolean {
  let count = 0
  for (let at = text.indexOf('&'); at !== -1; at = text.indexOf('&', at + 1)) if (++count >= MAX_PARAMETERS) return true
  return false
}

/** The rejection of a form with more than `MAX_PARAMETERS`. */
export function tooManyParameters (): InvalidRequestError {
  return new InvalidRequestError(`The request has more than ${MAX_PARAMETERS} parameters`)
}

/**
 * Refuses a form in which a parameter, known or unknown, is sent more than once (RFC 6749 §3.2).
 *
 * @param repeatable the one that may be
 * @throws InvalidRequestError
 */
export function refuseRepeatedParameters (form: FormParameters, repeatable?: string): void {
  for (const name in form) {
    if (typeof form[name] === 'string' || name === repeatable) continue
    throw new InvalidRequestError(Array.isArray(form[name]) ? 'A parameter was sent more than once' : 'A parameter is not a string')
  }
}

/** The refusal of a body in another format, or without a media type (RFC 6749 §4.4.2). */
export function notAForm (): InvalidRequestError {
  return new InvalidRequestError(`The parameters must be sent in the body as ${FORM_MEDIA_TYPE}`)
}

/** The refusal of a body above {@link FORM_BODY_LIMIT}: 413, so that nobody sends it again. */
export function formTooLarge (): InvalidRequestError {
  return new InvalidRequestError('The request body is too large', { status: 413 })
}

/** Reads a parameter that was sent once. An empty value counts as omitted (RFC 6749 §3.2). */
export function parameter (form: FormParameters, name: string): string | undefined {
  const value = form[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
