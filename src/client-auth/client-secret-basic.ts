import { parseAuthorization } from '../http/authentication.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import type { SecretClientAuthMethod } from './client-auth-method.ts'
import { claimsNoClient, malformed, presentSecret } from './presented-secret.ts'

// RFC 7617 §2: base64 with padding to groups of four characters.
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const GROUP = 4
const FORM_ENCODED = /[%+]/

/** The method client_secret_basic: id and secret by HTTP Basic, each form-encoded (RFC 6749 §2.3.1). */
export const clientSecretBasic: SecretClientAuthMethod = Object.freeze({
  name: 'client_secret_basic',
  scheme: 'Basic',
  carries: (request: TokenRequest) => basicCredentials(request) !== undefined,
  claimedClientId: claimsNoClient,
  authenticate (request: TokenRequest) {
    const encoded = basicCredentials(request)?.trimEnd()
    if (encoded === undefined) return undefined
    if (encoded.length % GROUP !== 0 || !BASE64.test(encoded)) throw malformed('the Basic credentials are not base64')
    const pair = Buffer.from(encoded, 'base64').toString('utf8')
    // The first colon ends the id, and the secret may contain more. Splits before decoding, because an encoded id may contain a
    // colon too.
    const colon = pair.indexOf(':')
    if (colon === -1) throw malformed('the Basic credentials have no colon')
    return presentSecret(formDecode(pair.slice(0, colon)), formDecode(pair.slice(colon + 1)))
  }
})

function basicCredentials (request: TokenRequest): string | undefined {
  const authorization = request.header('authorization')
  if (authorization === undefined) return undefined
  const { scheme, credentials } = parseAuthorization(authorization)
  return scheme === 'basic' ? credentials : undefined
}

// RFC 6749 appendix B.
function formDecode (text: string): string {
  if (!FORM_ENCODED.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw malformed('the client_id or the client_secret is not form-encoded: RFC 6749 section 2.3.1 wants a percent sign sent as %25')
  }
}
