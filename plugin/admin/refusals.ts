import { OAuth2Error } from '../../src/index.ts'

/** Error codes of the admin API only: one of RFC 7591 §3.2.2, and two of this package. */
type AdminErrorCode = 'invalid_client_metadata' | 'not_found' | 'conflict'

function adminError (code: AdminErrorCode, status: number, description: string): OAuth2Error {
  return new OAuth2Error(code as never, status, description)
}

/** Creates a 400: the client metadata is malformed, contradictory or unsupported by this server (RFC 7591 §3.2.2). */
export function invalidClientMetadata (description: string): OAuth2Error {
  return adminError('invalid_client_metadata', 400, description)
}

/** Creates a 404. RFC 7592 §2 defines a 401 for a client that reads its own registration, but here the caller is an administrator. */
export function notFound (what: string): OAuth2Error {
  return adminError('not_found', 404, `There is no such ${what}`)
}

/** Returns the value. @throws OAuth2Error 404 if it is undefined */
export function found<T> (value: T | undefined, what: string): T {
  if (value === undefined) throw notFound(what)
  return value
}

/** Creates a 409: another client has the client_id. */
export function clientIdTaken (): OAuth2Error {
  return adminError('conflict', 409, 'There is a client with this client_id already')
}
