import { isSecureUrl } from '../lib/secure-url.ts'
import { codedError } from '../options/check-options.ts'
import type { Rule } from '../options/rules.ts'

/** The well-known name of the metadata of an authorization server (RFC 8414 §3). */
export const AUTHORIZATION_SERVER = 'oauth-authorization-server'

/** The well-known name of the metadata of a protected resource (RFC 9728 §3). */
export const PROTECTED_RESOURCE = 'oauth-protected-resource'

/**
 * Returns whether a string is an issuer identifier (RFC 8414 §2): an https URL without query and fragment.
 *
 * @param allowHttp accepts http on any host, not on loopback only: where an option `dangerouslyAllowHttpIssuer` is true
 */
export function isIssuer (text: unknown, allowHttp = false): text is string {
  if (typeof text !== 'string' || /[?#]/.test(text)) return false
  return isSecureUrl(text, allowHttp)
}

/** Returns the URL of the OpenID Connect Discovery document (§4): the well-known path after the path of the issuer. */
export function openIdUrl (issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

/** Inserts a well-known name between the host and the path of a URL (RFC 8414 §3.1, RFC 9728 §3.1). A trailing slash is dropped. */
export function wellKnownUrl (url: string, name: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}/.well-known/${name}${pathname.replace(/\/$/, '')}`
}

/** An issuer identifier. Beside an option `dangerouslyAllowHttpIssuer` that is true, http is accepted on any host. */
export const ISSUER: Rule<string> = {
  accepts: (value, { dangerouslyAllowHttpIssuer }) => isIssuer(value, dangerouslyAllowHttpIssuer === true),
  demand: 'an https URL without query and fragment, or an http URL on loopback',
  fix: 'Pass such a URL. For http inside of a private network, set dangerouslyAllowHttpIssuer: true',
  error: codedError('FST_OAUTH_INVALID_ISSUER')
}
