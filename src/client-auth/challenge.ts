import { formatChallenge, parseAuthorization } from '../http/authentication.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import type { ClientAuthSettings } from './client-auth-settings.ts'

const BASIC = 'Basic'

/**
 * Returns the challenge of a 401 to a token request: every supported authentication scheme, the presented one first.
 * Undefined for a script in a web page.
 *
 * @param error the error code of the response
 */
export function clientChallenge ({ realm, clientAuthMethods }: ClientAuthSettings, request: TokenRequest, error: string): string | undefined {
  // On a Basic challenge, a browser opens a sign-in dialog and hides the response from the page. A script in a page avoids that
  // with this field, which exists for this purpose.
  if (request.header('x-requested-with')?.toLowerCase() === 'xmlhttprequest') return undefined
  const schemes = new Set(clientAuthMethods.map(({ scheme }) => scheme).filter((scheme) => scheme !== undefined))
  // A 401 must have a challenge (RFC 9110 §15.5.2), and RFC 6749 §5.2 requires a Basic challenge in response to Basic.
  if (schemes.size === 0) schemes.add(BASIC)
  const presented = parseAuthorization(request.header('authorization') ?? '').scheme
  const isPresented = (scheme: string) => scheme.toLowerCase() === presented
  return [...schemes].sort((one, other) => Number(isPresented(other)) - Number(isPresented(one)))
    .map((scheme) => formatChallenge(scheme, { realm, error: scheme === BASIC ? error : undefined })).join(', ')
}
