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

/** A store of what is written often: redisStore(...), or the store of the clients. */
export type FastStore = RevocationStore & ReplayStore & Partial<FailureStore>

type JwtOptions = ConstructorParameters<typeof JwtAccessTokens>[0]

/** Options of {@link authorizationServer}: what all servers on one store have in common, and those of the plugin. */
export interface AuthorizationServerOptions extends Omit<ClientCredentialsPluginOptions, 'flow'> {
  /** The issuer identifier: the https URL of this server, without query and fragment; http on loopback only. */
  issuer: string
  /** What tokens may be for, the first unless a request names a resource (RFC 8707). Default the issuer. */
  audience?: string | readonly string[]
  /** Scope name to description, or to that and the scopes that it implies. Default none: then the scopes of the client alone count. */
  scopes?: ClientCredentialsFlowOptions['scopes']
  /** Where clients and keys are. */
  store: ServerStore
  /** Where revocations of tokens, one-time values and counted failures are. Default `store`. */
  revocations?: FastStore
  /** The path of the token endpoint. Default "/oauth2/token". */
  tokenEndpoint?: string
  /** Seconds that tokens live. Default 3600. */
  accessTokenLifetime?: number
  /** How clients may authenticate. Default "client_secret_basic". */
  authMethods?: ClientCredentialsFlowOptions['clientAuthenticationMethods']
  /** How tokens may be presented: "Bearer", "DPoP" (RFC 9449), or a token type. The first is the default of clients. Default "Bearer". */
  tokenTypes?: ReadonlyArray<'Bearer' | 'DPoP' | TokenType>
  /** The JWS algorithm of tokens. Default "ES256". */
  algorithm?: NonNullable<SigningKeysOptions['algorithm']>
  /** What private keys are sealed with in the store, see {@link SigningKeys}. Default none: they are stored as they are. */
  sealingKeys?: readonly string[]
  /** Keys of the HMAC that secrets are hashed with, see {@link ClientRegistry}. Default none. */
  peppers?: NonNullable<ClientRegistryOptions['peppers']>
  /** Further claims of tokens. They cannot take the place of those that RFC 9068 defines. */
  claims?: NonNullable<JwtOptions['claims']>
  /** Seconds for which tokens are accepted by what was read last, while a store is unavailable. Default 600. */
  maxStale?: number
  /** Rules that the whole server is held to when it is created. Default none. */
  profile?: 'fapi2'
  /** The key of the security scheme in OpenAPI, and the realm of every challenge. Default "oauth2-flow". */
  securitySchemeName?: string
  /** The description of the security scheme in OpenAPI. Default none. */
  description?: string
  /** Accepts an issuer without TLS on any host: an eavesdropper reads secrets and tokens. Default false. */
  dangerouslyAllowHttpIssuer?: boolean
}

/** The options of the plugin, and the parts that they are made of. */
export interface AuthorizationServer extends ClientCredentialsPluginOptions {
  readonly flow: ClientCredentialsFlow
  /** The registry: adds, changes and disables clients. */
  readonly clients: ClientRegistry
  /** The keys that sign tokens. */
  readonly keys: SigningKeys
  /** The access tokens: revokes them. */
  readonly accessTokens: JwtAccessTokens
}

// The part that takes the option checks it, with an error code of its own.
const byPart = <T>(): Rule<T> => ({ accepts: () => true, demand: '' })
const { flow: _, ...PLUGIN_OPTIONS } = CLIENT_CREDENTIALS_PLUGIN.options

/** The options of authorizationServer. */
export const AUTHORIZATION_SERVER: OptionsDescription<AuthorizationServerOptions> = {
  of: 'authorizationServer',
  options: {
    ...PLUGIN_OPTIONS,
    // It is compared with the flow, which is not there yet: the plugin checks it.
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
 * Creates an authorization server of registered clients and signed JWT access tokens, set up as it should be in production: the
 * registry, the keys and the tokens follow one store; one-time values, revocations and counted failures are shared by all processes
 * where the stores can do that; keys are read before the first request; outages of a store are in the log once when they begin; what
 * was put off is written when the server closes.
 *
 * @returns the options of clientCredentialsPlugin, and the parts: `await app.register(clientCredentialsPlugin, server)`
 * @throws FlowConfigurationError if an option is unknown, missing or has a wrong value
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
      // The first request need not wait for the keys. While a store is unavailable, the server starts all the same.
      registered.addHook('onReady', async () => { await Promise.resolve(keys.current()).catch(onError) })
    }
  }
  // Not enumerable, since they are no options of the plugin.
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
