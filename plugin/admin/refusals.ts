import { OAuth2Error } from '../../src/index.ts'

/** Codes that only the administration has: RFC 7591 §3.2.2, and two of our own. */
type AdminErrorCode = 'invalid_client_metadata' | 'not_found' | 'conflict'

function adminError (code: AdminErrorCode, status: number, description: string): OAuth2Error {
  return new OAuth2Error(code as never, status, description)
}

/** 400: what is said of a client is malformed, contradicts itself, or is nothing that this server has (RFC 7591 §3.2.2). */
export function invalidClientMetadata (description: string): OAuth2Error {
  return adminError('invalid_client_metadata', 400, description)
}

/** 404: RFC 7592 §2 has a 401 here, for a client that asks of itself. Who asks here is an administrator. */
export function notFound (what: string): OAuth2Error {
  return adminError('not_found', 404, `There is no such ${what}`)
}

/** @throws OAuth2Error 404 for what is not there */
export function found<T> (value: T | undefined, what: string): T {
  if (value === undefined) throw notFound(what)
  return value
}

/** 409: the client_id is that of another client. */
export function clientIdTaken (): OAuth2Error {
  return adminError('conflict', 409, 'There is a client with this client_id already')
}
