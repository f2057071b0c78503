import { allowInsecureRequests, clientCredentialsGrantRequest, clockSkew, customFetch, isDPoPNonceError, processClientCredentialsResponse, ResponseBodyError } from 'oauth4webapi'
import type { TokenEndpointResponse } from 'oauth4webapi'
import { measureAge } from '../lib/age.ts'
import type { Age } from '../lib/age.ts'
import type { Clock } from '../lib/clock.ts'
import type { Credential, LoadCredential } from './credentials/index.ts'
import type { LoadProver, Prover } from './dpop.ts'
import { OAuthClientError } from './errors.ts'
import type { ServerClock } from './server-clock.ts'
import type { ServerFetch } from './server-fetch.ts'
import type { ServerMetadata, TokenServer } from './server-metadata.ts'

/** A token as the server issued it. */
export interface IssuedToken {
  readonly accessToken: string
  /** The granted scope, if the server returned it. */
  readonly scope: string | undefined
  /** Milliseconds since the token request was sent. */
  readonly age: Age
  /** Milliseconds that the token is valid, counted from sending the request. */
  readonly lifetime: number
  /** Milliseconds since 1970, by the own clock. */
  readonly expiresAt: number
  /** Proves the possession of the key that the token is bound to. */
  readonly prover: Prover | undefined
}

/** Parts that a token request needs, the same for all tokens of a client. */
export interface TokenRequestSettings {
  readonly clientId: string
  readonly credential: LoadCredential
  readonly prover: LoadProver
  readonly metadata: ServerMetadata
  readonly send: ServerFetch
  readonly clock: ServerClock
  readonly now: Clock
}

// Milliseconds for which a token without expires_in is used (RFC 6749 §5.1 only recommends the member).
const UNKNOWN_LIFETIME = 60_000
const MAX_LIFETIME = 86_400_000
const REDACTED = '[redacted]'
const TOKEN = /^[\x21-\x7e]+$/

/** Requests tokens of one kind. */
export interface TokenRequester {
  readonly request: () => Promise<IssuedToken>
  /** Returns whether the credential differs from the one that the server rejected last. */
  readonly hasNewCredential: () => Promise<boolean>
}

/** Returns the requester of tokens for a scope and resources. */
export function tokenRequester (settings: TokenRequestSettings, parameters: URLSearchParams): TokenRequester {
  let rejected: unknown
  return {
    request: () => requestToken(settings, parameters, (identity) => { rejected = identity }),
    hasNewCredential: async () => (await settings.credential()).identity !== rejected
  }
}

/**
 * Requests a token (RFC 6749 §4.4.2). Sends the request again once for each of these reasons: a nonce (RFC 9449 §8), a clock that
 * turned out to be wrong, and a secret that has changed.
 *
 * @throws OAuthClientError
 */
async function requestToken (settings: TokenRequestSettings, parameters: URLSearchParams, onRejected: (identity: unknown) => void): Promise<IssuedToken> {
  const { credential: loadCredential, clock } = settings
  const metadata = await settings.metadata.load(settings.send)
  const prover = await settings.prover()
  const { origin } = new URL(metadata.token_endpoint)
  let credential = await loadCredential()
  const retries = new Set(['nonce', 'clock', 'credential'])
  for (;;) {
    const offset = clock.offset(origin)
    try {
      return await sendOnce(settings, metadata, credential, prover, parameters)
    } catch (error) {
      if (isDPoPNonceError(error) && retries.delete('nonce')) continue
      if (!(error instanceof ResponseBodyError)) throw toClientError(error)
      const { error: code } = error
      if ((code === 'invalid_client' || code === 'invalid_dpop_proof') && clock.offset(origin) !== offset && retries.delete('clock')) continue
      const denied = toClientError(error, credential)
      if (code === 'invalid_client' && retries.delete('credential')) {
        const next = await loadCredential()
        const isOther = next.identity !== credential.identity
        credential = next
        if (isOther) continue
      }
      onRejected(credential.identity)
      throw denied
    }
  }
}

async function sendOnce (
  { clientId, send, clock, now }: TokenRequestSettings,
  metadata: TokenServer, { authenticate }: Credential, prover: Prover | undefined, parameters: URLSearchParams
): Promise<IssuedToken> {
  // oauth4webapi needs an id, which a workload token does without.
  const client = { client_id: clientId || '-', [clockSkew]: clock.offset(new URL(metadata.token_endpoint).origin) }
  const age = measureAge(now)
  const sentAt = now()
  const response = await clientCredentialsGrantRequest(metadata, client, authenticate, parameters, {
    ...prover !== undefined && { DPoP: prover.handle },
    [customFetch]: send,
    [allowInsecureRequests]: true
  })
  const result = await processClientCredentialsResponse(metadata, client, response)
  const lifetime = lifetimeOf(result)
  checkToken(result, prover)
  return { accessToken: result.access_token, scope: result.scope, age, lifetime, expiresAt: sentAt * 1000 + lifetime, prover }
}

function lifetimeOf ({ expires_in: seconds }: TokenEndpointResponse): number {
  return seconds === undefined ? UNKNOWN_LIFETIME : Math.min(seconds * 1000, MAX_LIFETIME)
}

function checkToken ({ access_token: token, token_type: type }: TokenEndpointResponse, prover: Prover | undefined): void {
  if (!TOKEN.test(token)) throw invalid('an access token with invalid characters')
  // A token that is not bound would be sent with a proof for nothing.
  if ((type === 'dpop') !== (prover !== undefined)) throw invalid(prover === undefined ? 'a token that is bound to a key' : 'a token that is not bound to the key')
}

function invalid (what: string): OAuthClientError {
  return new OAuthClientError('OAUTH_CLIENT_INVALID_RESPONSE', `The authorization server answered with ${what}. Check its configuration of this client.`)
}

// The errors of oauth4webapi have the response in them, and it may have the token or repeat the secret.
function toClientError (error: unknown, credential?: Credential): unknown {
  if (error instanceof OAuthClientError) return error
  if (error instanceof ResponseBodyError) {
    const secret = credential?.secret
    const code = /^[a-z_]{1,40}$/.test(error.error) && error.error !== secret ? error.error : 'unknown'
    const description = redact(error.error_description ?? '', secret)
    if (code === 'temporarily_unavailable' || code === 'server_error') return new OAuthClientError('OAUTH_CLIENT_SERVER_UNAVAILABLE', `The authorization server is unavailable: ${code}. Try again later.`, { error: code, status: error.status })
    return new OAuthClientError('OAUTH_CLIENT_TOKEN_DENIED', `The authorization server rejected the token request: ${code}${description === '' ? '' : ` (${description})`}`, { error: code, status: error.status })
  }
  return isOurs(error) ? invalid('something other than a token response') : error
}

function isOurs (error: unknown): boolean {
  return typeof (error as { code?: unknown } | null)?.code === 'string' && String((error as { code: string }).code).startsWith('OAUTH_')
}

// Also redacts long words, which may be the secret in another encoding, an assertion or a token.
function redact (text: string, secret = ''): string {
  const bare = secret === '' ? text : text.replaceAll(secret, REDACTED)
  return bare.replace(/[^\x20-\x7e]/g, '?').replace(/\S{16,}|\S*%\S*/g, REDACTED).slice(0, 200)
}
