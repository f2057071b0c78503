import type { FastifyInstance } from 'fastify'
import { checkOptions, hasMethods, MAX_STALE, required, withMethods } from '../src/adapter.ts'
import type {
  AuditStore, ClientRegistryOptions, ClientStore, EntryStore, FailureStore, KeyStore, OptionsDescription, ReplayStore, RevocationStore, Rule, SigningKeysOptions
} from '../src/adapter.ts'
import { BearerTokenType, ClientCredentialsFlowBuilder, ClientRegistry, DPoPTokenType, FailureThrottle, JwtAccessTokens, SigningKeys } from '../src/index.ts'
import type { ClientCredentialsFlow, ClientCredentialsFlowOptions, TokenType } from '../src/index.ts'
import { ON_REGISTER } from './on-register.ts'
import type { RegisteredOptions } from './on-register.ts'
import { CLIENT_CREDENTIALS_PLUGIN } from './options.ts'
import type { ClientCredentialsPluginOptions } from './options.ts'

/** A store of clients, keys and one-time values: sqliteStore(...), postgresStore(...) or new MemoryStore(). */
export type ServerStore = ClientStore & KeyStore & EntryStore & ReplayStore & Partial<RevocationStore & AuditStore & FailureStore>

/** A store of frequently written data: redisStore(...), or the store of the clients. */
export type FastStore = RevocationStore & ReplayStore & Partial<FailureStore>

type JwtOptions = ConstructorParameters<typeof JwtAccessTokens>[0]

/** Options of {@link authorizationServer}: those that all servers on one store share, and those of the plugin. */
export interface AuthorizationServerOptions extends Omit<ClientCredentialsPluginOptions, 'flow'> {
  /** The issuer identifier: the https URL of this server, without query and fragment; http on loopback only. */
  issuer: string
  /** The audiences of tokens; the first is used unless a request names a resource (RFC 8707). Default the issuer. */
  audience?: string | readonly string[]
  /** Maps each scope name to a description, or to a declaration with implied scopes. Default none: then only the client's scopes apply. */
  scopes?: ClientCredentialsFlowOptions['scopes']
  /** The store of clients and keys. */
  store: ServerStore
  /** The store of revoked tokens, used DPoP proofs and counted failures. Used client assertions are in `store`. Default `store`. */
  revocations?: FastStore
  /** The path of the token endpoint. Default "/oauth2/token". */
  tokenEndpoint?: string
  /** Lifetime of tokens in seconds. Default 3600. */
  accessTokenLifetime?: number
  /** The client authentication methods. Default "client_secret_basic". */
  authMethods?: ClientCredentialsFlowOptions['clientAuthenticationMethods']
  /** The token types: "Bearer", "DPoP" (RFC 9449), or a custom one. The first is the default for clients. Default "Bearer". */
  tokenTypes?: ReadonlyArray<'Bearer' | 'DPoP' | TokenType>
  /** The JWS algorithm of tokens. Default "ES256". */
  algorithm?: NonNullable<SigningKeysOptions['algorithm']>
  /** The keys that encrypt private keys in the store, see {@link SigningKeys}. Default none: private keys are stored unencrypted. */
  sealingKeys?: readonly string[]
  /** Keys of the HMAC that hashes secrets, see {@link ClientRegistry}. Default none. */
  peppers?: NonNullable<ClientRegistryOptions['peppers']>
  /** Additional claims of tokens. They cannot replace those that RFC 9068 defines. */
  claims?: NonNullable<JwtOptions['claims']>
  /** Seconds for which tokens are accepted by cached data while a store is unavailable. Default 600. */
  maxStale?: number
  /** The security profile that the server is checked against when it is created. Default none. */
  profile?: 'fapi2'
  /** The key of the security scheme in OpenAPI, and the realm of every challenge. Default "oauth2-flow". */
  securitySchemeName?: string
  /** The description of the security scheme in OpenAPI. Default none. */
  description?: string
  /** Accepts an issuer without TLS on any host: an eavesdropper reads secrets and tokens. Default false. */
  dangerouslyAllowHttpIssuer?: boolean
}

/** The options of the plugin, and the objects that they consist of. */
export interface AuthorizationServer extends ClientCredentialsPluginOptions {
  readonly flow: ClientCredentialsFlow
  /** The registry: adds, changes and disables clients. */
  readonly clients: ClientRegistry
  /** The keys that sign tokens. */
  readonly keys: SigningKeys
  /** The access tokens: revokes them. */
  readonly accessTokens: JwtAccessTokens
}

// The constructor that receives the option validates it, with its own error code.
const byPart = <T>(): Rule<T> => ({ accepts: () => true, demand: '' })
const { flow: _, ...PLUGIN_OPTIONS } = CLIENT_CREDENTIALS_PLUGIN.options

/** The options of authorizationServer. */
export const AUTHORIZATION_SERVER: OptionsDescription<AuthorizationServerOptions> = {
  of: 'authorizationServer',
  options: {
    ...PLUGIN_OPTIONS,
    // The plugin validates it, because it is compared with the flow.
    origin: byPart<string>(),
    issuer: required(byPart<string>()),
    audience: byPart<string | readonly string[]>(),
    scopes: byPart<ClientCredentialsFlowOptions['scopes']>(),
    store: required(withMethods<ServerStore>('a store of clients and keys', 'findClients', 'readKeys', 'listEntries', 'reserve')),
    revocations: withMethods<FastStore>('a store of revocations and one-time values', 'addRevocation', 'listRevocations', 'reserve'),
    tokenEndpoint: byPart<string>(),
    accessTokenLifetime: byPart<number>(),
    authMethods: byPart<ClientCredentialsFlowOptions['clientAuthenticationMethods']>(),
    tokenTypes: {
      accepts: (value) => Array.isArray(value) && value.length > 0 && value.every((type) => type === 'Bearer' || type === 'DPoP' || typeof type === 'object'),
      demand: 'an array of "Bearer", "DPoP" and token types, of at least one'
    },
    algorithm: byPart<NonNullable<SigningKeysOptions['algorithm']>>(),
    sealingKeys: byPart<readonly string[]>(),
    peppers: byPart<NonNullable<ClientRegistryOptions['peppers']>>(),
    claims: byPart<NonNullable<JwtOptions['claims']>>(),
    maxStale: MAX_STALE,
    profile: byPart<'fapi2'>(),
    securitySchemeName: byPart<string>(),
    description: byPart<string>(),
    dangerouslyAllowHttpIssuer: byPart<boolean>()
  }
}

/**
 * Creates an authorization server of registered clients and signed JWT access tokens, configured for production: the registry, the
 * keys and the tokens use one store. All processes share one-time values, revocations and counted failures if the stores support
 * that. Keys are loaded before the first request. The outage of a store is logged once when it begins. Pending data is written when
 * the server closes.
 *
 * @returns the options of clientCredentialsPlugin, and the objects: `await app.register(clientCredentialsPlugin, server)`
 * @throws FlowConfigurationError if an option is unknown, missing or invalid
 */
export function authorizationServer (options: AuthorizationServerOptions): AuthorizationServer {
  checkOptions(options, AUTHORIZATION_SERVER)
  const { store, revocations: given, sealingKeys, algorithm, peppers, maxStale, issuer, audience = issuer, claims, dangerouslyAllowHttpIssuer } = options
  const revocations = given ?? (keepsRevocations(store) ? store : undefined)
  let app: FastifyInstance | undefined
  const onError = (error: Error): void => { app?.log.error({ err: error }, 'A store is unavailable, or holds what cannot be read: what was read before stays in use') }

  const clients = new ClientRegistry(store, { onError, ...present({ peppers }) })
  const keys = new SigningKeys(store, { onError, ...present({ sealingKeys, algorithm, maxStale }) })
  const accessTokens = new JwtAccessTokens({
    issuer, audience, keys, onError, ...present({ revocations, claims, maxStale, dangerouslyAllowHttpIssuer })
  })
  const flow = buildFlow(options, given ?? store).useClients(clients).useAccessTokens(accessTokens).build()

  const server: AuthorizationServer & RegisteredOptions = {
    ...present(Object.fromEntries(Object.keys(PLUGIN_OPTIONS).map((name) => [name, options[name as keyof AuthorizationServerOptions]]))),
    flow: flow as unknown as ClientCredentialsFlow,
    clients,
    keys,
    accessTokens,
    [ON_REGISTER] (registered) {
      app = registered
      // Loads the keys before the first request. While a store is unavailable, the server starts anyway.
      registered.addHook('onReady', async () => { await Promise.resolve(keys.current()).catch(onError) })
    }
  }
  // Not enumerable, since they are not options of the plugin.
  for (const name of ['clients', 'keys', 'accessTokens'] as const) Object.defineProperty(server, name, { enumerable: false })
  return server
}

function buildFlow (options: AuthorizationServerOptions, shared: ServerStore | FastStore): ClientCredentialsFlowBuilder {
  const { tokenEndpoint = '/oauth2/token', scopes, accessTokenLifetime, authMethods, tokenTypes = ['Bearer'], profile, securitySchemeName, description } = options
  const [tokenType, ...otherTokenTypes] = tokenTypes.map((type) => toTokenType(type, shared)) as [TokenType, ...TokenType[]]
  return new ClientCredentialsFlowBuilder(present({
    tokenEndpoint,
    scopes,
    accessTokenLifetime,
    clientAuthenticationMethods: authMethods,
    tokenType,
    otherTokenTypes,
    profile,
    securitySchemeName,
    description,
    dangerouslyAllowHttpIssuer: options.dangerouslyAllowHttpIssuer,
    throttle: countsFailures(shared) ? new FailureThrottle({ store: shared }) : undefined
  }) as Partial<ClientCredentialsFlowOptions>) as unknown as ClientCredentialsFlowBuilder
}

function toTokenType (type: 'Bearer' | 'DPoP' | TokenType, replays: ReplayStore): TokenType {
  if (typeof type !== 'string') return type
  return type === 'DPoP' ? new DPoPTokenType({ replays }) : new BearerTokenType()
}

function keepsRevocations (store: Partial<RevocationStore>): store is RevocationStore {
  return hasMethods(store, ['addRevocation', 'listRevocations'])
}

function countsFailures (store: object): store is FailureStore {
  return hasMethods(store, ['countFailure', 'forgetFailures'])
}

function present<T extends object> (members: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as { [Name in keyof T]?: Exclude<T[Name], undefined> }
}
