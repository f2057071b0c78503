import { ClientSecretBasic, ClientSecretPost, TlsClientAuth } from 'oauth4webapi'
import type { AuthorizationServer, ClientAuth } from 'oauth4webapi'
import type { OAuthClientOptions } from '../options.ts'
import { load, unusable } from '../or-function.ts'
import { clientAssertion } from './client-assertion.ts'

/** The credential of a client for one token request. */
export interface Credential {
  /** Equal for equal credentials. */
  readonly identity: unknown
  readonly authenticate: ClientAuth
  /** The value to redact in errors, in case the server repeats it. */
  readonly secret?: string
}

/** Loads the present credential. @throws OAuthClientError OAUTH_CLIENT_CREDENTIAL_UNAVAILABLE */
export type LoadCredential = () => Promise<Credential>

/** Returns the loader of the credential that the options name. */
export function credentialOf (options: OAuthClientOptions): LoadCredential {
  const { clientId, clientSecret, clientAuthMethod, privateKey, workloadToken } = options
  if (clientSecret !== undefined) {
    return async () => {
      const secret = await load('clientSecret', clientSecret)
      if (typeof secret !== 'string' || secret === '') throw unusable('clientSecret', 'It must return a string that is not empty.')
      return { identity: secret, secret, authenticate: secretAuth(secret, clientAuthMethod) }
    }
  }
  if (privateKey !== undefined) {
    return async () => {
      const key = await load('privateKey', privateKey)
      const { privateKeyJwt } = await import('./private-key-jwt.ts')
      return { identity: key, authenticate: await load('privateKey', () => privateKeyJwt(key)) }
    }
  }
  if (workloadToken !== undefined) {
    return async () => {
      const token = await load('workloadToken', workloadToken)
      if (typeof token !== 'string' || token === '') throw unusable('workloadToken', 'It must return a string that is not empty.')
      // Platforms issue another token for each call, of the same workload.
      return { identity: undefined, secret: token, authenticate: clientAssertion(token, clientId) }
    }
  }
  // The certificate itself is in the connection.
  return async () => ({ identity: undefined, authenticate: TlsClientAuth() })
}

function secretAuth (secret: string, method: OAuthClientOptions['clientAuthMethod']): ClientAuth {
  const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)]
  return (as, ...rest) => (method === 'client_secret_post' || (method === undefined && takesPostOnly(as)) ? post : basic)(as, ...rest)
}

// RFC 8414 §2: without the list it is client_secret_basic.
function takesPostOnly ({ token_endpoint_auth_methods_supported: methods }: AuthorizationServer): boolean {
  return Array.isArray(methods) && methods.includes('client_secret_post') && !methods.includes('client_secret_basic')
}
