import { InvalidClientError } from '../errors/oauth-errors.ts'
import { parseAuthorization } from '../http/authentication.ts'
import { parameter } from '../http/form.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { isCredential } from '../lib/is-printable.ts'
import type { PresentedClient, SecretClientAuthMethod } from './client-auth-method.ts'

// RFC 7617 §2: base64 with its padding, which fills the last group of four.
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const GROUP = 4
const FORM_ENCODED = /[%+]/

/** client_secret_basic: id and secret by HTTP Basic, each form-encoded (RFC 6749 §2.3.1). */
export const clientSecretBasic: SecretClientAuthMethod = Object.freeze({
  name: 'client_secret_basic',
  scheme: 'Basic',
  authenticate (request: TokenRequest) {
    const authorization = request.header('authorization')
    if (authorization === undefined) return undefined
    const { scheme, credentials } = parseAuthorization(authorization)
    if (scheme !== 'basic') return undefined

    const encoded = credentials.trimEnd()
    if (encoded.length % GROUP !== 0 || !BASE64.test(encoded)) throw malformed('the Basic credentials are not base64')
    const pair = Buffer.from(encoded, 'base64').toString('utf8')
    // The first colon ends the id: a secret may hold more of them. Decoding comes after splitting, since an encoded
    // id may hold one too.
    const colon = pair.indexOf(':')
    if (colon === -1) throw malformed('the Basic credentials have no colon')
    return checkPair(formDecode(pair.slice(0, colon)), formDecode(pair.slice(colon + 1)))
  }
})

/** client_secret_post: id and secret in the form body (RFC 6749 §2.3.1). They are never read from the URL. */
export const clientSecretPost: SecretClientAuthMethod = Object.freeze({
  name: 'client_secret_post',
  authenticate ({ form }: TokenRequest) {
    const clientSecret = parameter(form, 'client_secret')
    if (clientSecret === undefined) return undefined
    return checkPair(parameter(form, 'client_id') ?? '', clientSecret)
  }
})

function checkPair (clientId: string, clientSecret: string): PresentedClient & { clientSecret: string } {
  // This grant is for confidential clients only (RFC 6749 §4.4): an empty secret is none.
  if (clientId === '' || clientSecret === '') throw malformed('the client_id or the client_secret is empty')
  if (!isCredential(clientId) || !isCredential(clientSecret)) throw malformed('the client_id or the client_secret has control characters')
  return { clientId, clientSecret }
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

function malformed (cause: string): InvalidClientError {
  return new InvalidClientError(undefined, { cause })
}
