import { FlowConfigurationError } from '../errors/configuration-error.ts'
import { hasMethods, nearestName } from '../options/check-options.ts'
import type { ClientNeeds } from '../stores/contracts/index.ts'
import type { ClientAuthMethod, SecretClientAuthMethod } from './client-auth-method.ts'
import { clientSecretBasic } from './client-secret-basic.ts'
import { clientSecretPost } from './client-secret-post.ts'
import type { Clients } from './clients.ts'
import { selfSignedTlsClientAuth } from './mutual-tls/self-signed-tls-client-auth.ts'
import { tlsClientAuth } from './mutual-tls/tls-client-auth.ts'
import { privateKeyJwt } from './private-key-jwt.ts'

/**
 * A client authentication method: the name of a built-in one (RFC 8414, RFC 8705), or an object. The names of methods
 * without secrets require a client registry (`useClients`). "none" has no effect: this grant has no public clients.
 */
export type ClientAuthMethodOption = MethodName | 'none' | ClientAuthMethod

type MethodName = keyof typeof METHODS

/**
 * The type of the secret that getClient receives with these methods: `string | undefined` if one of them works without secrets.
 * It is `string` if the methods are not known, as in options of the bare type `ClientCredentialsFlowOptions`.
 */
export type SecretOf<Method extends ClientAuthMethodOption> =
  ClientAuthMethodOption extends Method ? string : [Method] extends ['client_secret_basic' | 'client_secret_post' | 'none' | SecretClientAuthMethod] ? string : string | undefined

/** The settings of methods that are given by name. */
export interface NamedMethodSettings {
  readonly clients: Clients | undefined
  /** The issuer identifier, which is the audience of assertions. */
  readonly issuer: string | undefined
  /** The accepted algorithms of assertions. Default those of the method. */
  readonly algorithms: readonly string[] | undefined
}

const METHODS = {
  client_secret_basic: () => clientSecretBasic,
  client_secret_post: () => clientSecretPost,
  private_key_jwt ({ clients, issuer, algorithms }: NamedMethodSettings) {
    if (clients?.replays === undefined || issuer === undefined) throw new FlowConfigurationError('FST_OAUTH_AUTH_METHOD_INCOMPLETE')
    // The access tokens have already checked whether the issuer may use http.
    return privateKeyJwt({ issuer, clients, replays: clients.replays, dangerouslyAllowHttpIssuer: true, ...(algorithms && { algorithms }) })
  },
  // These two methods reject missing clients themselves.
  tls_client_auth: ({ clients }: NamedMethodSettings) => tlsClientAuth({ clients: clients as Clients }),
  self_signed_tls_client_auth: ({ clients }: NamedMethodSettings) => selfSignedTlsClientAuth({ clients: clients as Clients })
} satisfies Record<string, (settings: NamedMethodSettings) => ClientAuthMethod>

/**
 * Creates the methods of a flow. Of several with one name, the last is used, at the position of the first. Default client_secret_basic.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_AUTH_METHOD, FST_OAUTH_AUTH_METHOD_INCOMPLETE
 */
export function resolveAuthMethods (options: readonly ClientAuthMethodOption[], settings: NamedMethodSettings): readonly ClientAuthMethod[] {
  const methods = new Map<string, ClientAuthMethod>()
  for (const option of options) {
    if (option === 'none') continue
    const method = typeof option !== 'string' ? option : Object.hasOwn(METHODS, option) ? METHODS[option](settings) : undefined
    if (typeof method?.name !== 'string' || !hasMethods(method, ['carries', 'authenticate'])) throw new FlowConfigurationError('FST_OAUTH_INVALID_AUTH_METHOD', hintOf(option))
    methods.set(method.name, method)
  }
  return Object.freeze(methods.size > 0 ? [...methods.values()] : [clientSecretBasic])
}

function hintOf (option: unknown): string | undefined {
  const nearest = typeof option === 'string' ? nearestName(option, Object.keys(METHODS)) : undefined
  return nearest && `Did you mean "${nearest}"?`
}

/** Returns what clients need for each method. */
export function needsOf (methods: readonly ClientAuthMethod[]): Record<string, ClientNeeds> {
  return Object.fromEntries(methods.map(({ name, needs = 'secret' }) => [name, needs]))
}
