import { formatChallenge, parseAuthorization } from '../http/authentication.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import type { ClientAuthSettings } from './client-auth-settings.ts'

const BASIC = 'Basic'

/**
 * The challenge of a 401 to a token request: every scheme by which clients authenticate, the one that was presented first.
 * Undefined for a script in a page.
 *
 * @param error the code of the answer
 */
export function clientChallenge ({ realm, clientAuthMethods }: ClientAuthSettings, request: TokenRequest, error: string): string | undefined {
  // A browser opens its own sign-in dialog on a Basic challenge and keeps the answer from the page. Scripts that call
  // from a page say so with this field, which is what it was made for.
  if (request.header('x-requested-with')?.toLowerCase() === 'xmlhttprequest') return undefined
  const schemes = new Set(clientAuthMethods.map(({ scheme }) => scheme).filter((scheme) => scheme !== undefined))
  // A 401 must carry a challenge (RFC 9110 §15.5.2), and RFC 6749 §5.2 wants Basic answered by Basic.
  if (schemes.size === 0) schemes.add(BASIC)
  const presented = parseAuthorization(request.header('authorization') ?? '').scheme
  const isPresented = (scheme: string) => scheme.toLowerCase() === presented
  return [...schemes].sort((one, other) => Number(isPresented(other)) - Number(isPresented(one)))
    .map((scheme) => formatChallenge(scheme, { realm, error: scheme === BASIC ? error : undefined })).join(', ')
}
