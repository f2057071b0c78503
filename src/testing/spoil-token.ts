import { SignJWT, decodeJwt, decodeProtectedHeader } from 'jose'
import type { JWTPayload } from 'jose'
import type { AccessTokens } from '../index.ts'

/**
 * The flaw of a token that a guard must reject: it has expired, was revoked, is for another audience, was issued by another
 * issuer, or has a wrong signature.
 */
export type TokenFlaw = 'expired' | 'revoked' | 'audience' | 'issuer' | 'signature'

const DAY = 86_400
const ELSEWHERE = 'https://elsewhere.invalid'

// The rest of the token stays valid, so that the flaw is the only reason for the rejection.
const CHANGES: Readonly<Record<Exclude<TokenFlaw, 'revoked' | 'signature'>, (claims: JWTPayload) => JWTPayload>> = {
  expired: (claims) => ({ ...claims, iat: Number(claims.iat) - 2 * DAY, exp: Number(claims.iat) - DAY }),
  audience: (claims) => ({ ...claims, aud: ELSEWHERE }),
  issuer: (claims) => ({ ...claims, iss: ELSEWHERE })
}

/**
 * Adds one flaw to a token.
 *
 * @throws TypeError for a flaw that this kind of token does not support
 */
export async function spoilToken (token: string, flaw: TokenFlaw, accessTokens: AccessTokens | undefined): Promise<string> {
  if (flaw === 'signature') return changeCharacter(token)
  if (flaw === 'revoked') return await revoke(token, accessTokens)
  const keys = accessTokens?.metadata?.keys
  if (keys === undefined) {
    throw new TypeError(`Only JWTs that are signed by SigningKeys can get the flaw "${flaw}". ` +
      'For other tokens, pass the now of a testClock() to what issues and verifies them, and advance it; or issue the token with another audience')
  }
  const { alg, typ } = decodeProtectedHeader(token)
  const { kid, privateKey } = await keys.current()
  return await new SignJWT(CHANGES[flaw](decodeJwt(token))).setProtectedHeader({ alg: String(alg), kid, ...(typ !== undefined && { typ }) }).sign(privateKey)
}

async function revoke (token: string, accessTokens: AccessTokens | undefined): Promise<string> {
  if (accessTokens?.revoke === undefined) throw new TypeError('Single tokens cannot be revoked here. Pass "revocations" to the access tokens of the application')
  await accessTokens.revoke(token)
  return token
}

// Changes a character in the middle of the last part: the last characters of base64url may contain unused bits.
function changeCharacter (token: string): string {
  const at = token.lastIndexOf('.') + Math.ceil((token.length - token.lastIndexOf('.')) / 2)
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}
