import { systemClock } from '../lib/clock.ts'
import { authenticatedFetch } from './authenticated-fetch.ts'
import type { AuthenticatedFetchSettings } from './authenticated-fetch.ts'
import { credentialOf } from './credentials/index.ts'
import { proversOf, transportOf } from './lazy.ts'
import { checkClientOptions, checkTarget } from './options.ts'
import type { OAuthClientOptions, TokenTarget } from './options.ts'
import { ServerClock } from './server-clock.ts'
import { serverFetch } from './server-fetch.ts'
import { ServerMetadata } from './server-metadata.ts'
import { tokenRequester } from './token-request.ts'
import type { IssuedToken } from './token-request.ts'
import { TokenSource } from './token-source.ts'

/** A token, for requests that this library does not send. */
export interface AccessToken {
  readonly accessToken: string
  /** A DPoP token is of use only with the proofs of {@link OAuthClient.fetch} and of the interceptor. */
  readonly tokenType: 'Bearer' | 'DPoP'
  /** When the token expires, by the own clock. */
  readonly expiresAt: Date
  /** The granted scope, if the server returned it. */
  readonly scope: string | undefined
}

/** A client of protected APIs. It gets, caches, renews and proves its access tokens. */
export interface OAuthClient {
  /**
   * Sends a request with a token, like the global `fetch`. Gets the token first if there is none, and sends the request once more
   * if the API answers 401 with `invalid_token`, or asks for a DPoP nonce.
   *
   * @throws OAuthClientError; and what `fetch` throws
   */
  readonly fetch: typeof fetch
  /** Returns a token that is valid now. @throws OAuthClientError, or the reason of the signal */
  readonly token: (options?: { signal?: AbortSignal }) => Promise<AccessToken>
  /** Returns a client with the same credential for other scopes, resources or origins. Options that are left out stay the same. */
  readonly with: (target: TokenTarget) => OAuthClient
  /** Closes the connections of `certificate`. */
  readonly close: () => Promise<void>
}

/** The parts of a client, for what sends its tokens in another way. */
export type OAuthClientInternals = AuthenticatedFetchSettings

const internals = new WeakMap<OAuthClient, OAuthClientInternals>()

/** Returns the parts of a client. @throws TypeError for something else */
export function internalsOf (client: OAuthClient): OAuthClientInternals {
  const found = internals.get(client)
  if (found === undefined) throw new TypeError('The client must come from oauthClient().')
  return found
}

/**
 * Creates a client that sends requests with access tokens of the client credentials grant (RFC 6749 §4.4).
 *
 * Tokens are sent to the origins of `resource` and `allowedOrigins` only. Nothing is requested before the first use.
 *
 * @throws OAuthClientError OAUTH_CLIENT_UNKNOWN_OPTION, OAUTH_CLIENT_INVALID_OPTION
 * @example
 * const api = oauthClient({ issuer: 'https://auth.example.com', clientId: 'billing', clientSecret, allowedOrigins: ['https://api.example.com'] })
 * const response = await api.fetch('https://api.example.com/data')
 */
export function oauthClient (options: OAuthClientOptions): OAuthClient {
  checkClientOptions(options)
  const { now = systemClock, timeout = 10, clientId = '' } = options
  const clock = new ServerClock(now)
  const transport = transportOf(options)
  const settings = {
    clientId,
    credential: credentialOf(options),
    prover: proversOf(options.dpop, clock),
    metadata: new ServerMetadata(options, now),
    send: serverFetch({ fetch: transport.fetch, timeout: timeout * 1000, clock, now }),
    clock,
    now
  }
  const sources = new Map<string, TokenSource>()
  const issuer = options.issuer ?? options.tokenEndpoint ?? String(options.resource)

  const clientFor = ({ scope = '', resource = [], parameters: further = {}, allowedOrigins = [] }: TokenTarget): OAuthClient => {
    const parameters = parametersOf(scope, resource, further)
    const event = Object.freeze({ issuer, clientId, scope: parameters.get('scope') ?? '' })
    // Clients for the same token share it.
    const key = parameters.toString()
    let source = sources.get(key)
    if (source === undefined) sources.set(key, source = new TokenSource({ ...tokenRequester(settings, parameters), event, now }))
    const token = source
    const parts = { source: token, fetch: transport.fetch, allowedOrigins: originsOf(resource, allowedOrigins), event, clock, now }
    const client = Object.freeze({
      fetch: authenticatedFetch(parts),
      async token ({ signal }: { signal?: AbortSignal } = {}) {
        signal?.throwIfAborted()
        return toAccessToken(token.current() ?? await token.obtain(signal))
      },
      with (other: TokenTarget) {
        checkTarget(other, options.dangerouslyAllowHttp ?? false)
        return clientFor({ scope, resource, parameters: further, allowedOrigins, ...other })
      },
      close: transport.close
    })
    internals.set(client, parts)
    return client
  }
  return clientFor(options)
}

// Sorted, since the order of scopes and parameters does not matter for the token.
function parametersOf (scope: string | readonly string[], resource: string | readonly string[], further: Readonly<Record<string, string>>): URLSearchParams {
  const parameters = new URLSearchParams(Object.entries(further))
  const scopes = [...new Set(typeof scope === 'string' ? scope.split(' ') : scope)].sort().join(' ').trim()
  if (scopes !== '') parameters.set('scope', scopes)
  for (const item of [...new Set([resource].flat())].sort()) parameters.append('resource', item)
  parameters.sort()
  return parameters
}

function originsOf (resource: string | readonly string[], allowedOrigins: readonly string[]): ReadonlySet<string> {
  // A resource may be a URN, which has no origin.
  const urls = [resource].flat().filter((text) => /^https?:/.test(text) && URL.canParse(text))
  return new Set([...allowedOrigins, ...urls.map((text) => new URL(text).origin)])
}

function toAccessToken ({ accessToken, prover, expiresAt, scope }: IssuedToken): AccessToken {
  return { accessToken, tokenType: prover === undefined ? 'Bearer' : 'DPoP', expiresAt: new Date(expiresAt), scope }
}
