import type { AccessTokens } from '../access-token/access-tokens.ts'
import type { TokenInformation } from '../access-token/token-grant.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import type { ClientDecision } from '../events/client-decision.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { createSigner } from '../jws/sign.ts'
import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { readPresentedToken } from './presented-token.ts'
import type { PresentedTokenSettings } from './presented-token.ts'
import { withClientErrors } from './with-client-errors.ts'

/** The body of an introspection response (RFC 7662 §2.2). */
export type IntrospectionResponse = { active: false } | { active: true } & TokenInformation

/** The media type of an introspection response that is a signed JWT (RFC 9701 §4). */
export const INTROSPECTION_JWT_MEDIA_TYPE = 'application/token-introspection+jwt'

/** The `typ` of such a JWT, which distinguishes it from an access token (RFC 9701 §5, §8.1). */
const INTROSPECTION_JWT_TYPE = 'token-introspection+jwt'

// RFC 9110 §12.4.2.
const NOT_ACCEPTABLE = /^q=0(?:\.0{0,3})?$/

const INACTIVE = Object.freeze({ active: false })

// Signs in the thread pool: these responses are rare.
const sign = createSigner('pool')

/**
 * Handles an introspection request (RFC 7662): returns to a resource server, or to the client itself, whether a token is valid and
 * its content. A caller that may not introspect the token gets the same response as for a token that does not exist (§2.2, §4). If
 * the request accepts a signed response and access tokens are signed, returns a JWT that is signed with the same keys (RFC 9701 §5).
 *
 * @param now the clock for the `iat` of a signed response. Default the system clock
 * @returns the members of a JSON body, or the JWT, which has the media type {@link INTROSPECTION_JWT_MEDIA_TYPE}
 * @throws OAuth2Error
 */
export function handleIntrospectionRequest (settings: PresentedTokenSettings, request: TokenRequest, now: Clock = systemClock): Promise<IntrospectionResponse | string> {
  return withClientErrors(settings, request, 'introspection', async (...asked) => {
    const { client, response } = await introspect(...asked)
    if (!canSignIntrospection(settings.accessTokens) || !wantsIntrospectionJwt(request)) return response
    const { issuer, keys } = settings.accessTokens!.metadata!
    return sign(await keys!.current(), INTROSPECTION_JWT_TYPE, { iss: issuer, aud: client.id, iat: now(), token_introspection: response })
  })
}

/** Returns whether introspection responses can be signed: only if access tokens are. */
export function canSignIntrospection (accessTokens: AccessTokens | undefined): boolean {
  return accessTokens?.introspect !== undefined && accessTokens.metadata?.keys !== undefined
}

/** Returns whether a request asks for a signed introspection response (RFC 9701 §4). */
export function wantsIntrospectionJwt (request: TokenRequest): boolean {
  return request.header('accept')?.split(',').some((range) => {
    const [type, ...parameters] = range.toLowerCase().split(';').map((part) => part.trim())
    return type === INTROSPECTION_JWT_MEDIA_TYPE && !parameters.some((text) => NOT_ACCEPTABLE.test(text))
  }) === true
}

async function introspect (
  settings: PresentedTokenSettings,
  request: TokenRequest,
  decision: ClientDecision | undefined
): Promise<{ client: OAuth2Client, response: IntrospectionResponse }> {
  const { client, token } = await readPresentedToken(settings, request, decision)
  const information = await settings.accessTokens?.introspect?.(token)
  const response = information !== undefined && mayKnow(client, information) ? { active: true as const, ...information } : INACTIVE
  return { client, response: response as IntrospectionResponse }
}

// RFC 7662 §4: a client may introspect its own tokens, and those of its registered audiences.
function mayKnow ({ id, introspects = [] }: OAuth2Client, { client_id: clientId, aud }: TokenInformation): boolean {
  // On a string, `includes` would match a part of a name.
  if (!Array.isArray(introspects)) throw new TypeError('getClient returned a client whose introspects are no list')
  return clientId === id || [aud].flat().some((audience) => introspects.includes(audience))
}
