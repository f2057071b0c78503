// The real code of one process, put together as an application would.
import { ClientCredentialsFlowBuilder, ClientRegistry, FailureThrottle, JwtAccessTokens, OpaqueAccessTokens, privateKeyJwt, SigningKeys } from '../../src/index.ts'
import type { AccessTokens, ClientCredentialsFlow, ClientCredentialsTokenRequest, OAuth2Client } from '../../src/index.ts'
import type { Line } from './line.ts'
import { API, ISSUER } from './run-context.ts'
import type { RunContext } from './run-context.ts'
import type { StoreMethod, WholeStore } from './store-methods.ts'

type RevocableTokens = AccessTokens & { revokeClient (clientId: string): Promise<void>, start? (): Promise<void> }

export interface Parts {
  readonly keys: SigningKeys
  readonly tokens: RevocableTokens
  readonly flow: ClientCredentialsFlow
  /** Undefined in a process that verifies tokens only. */
  readonly clients: ClientRegistry | undefined
}

const KEY_METHODS: readonly StoreMethod[] = ['readKeys', 'replaceKeys']
const ENTRY_METHODS: readonly StoreMethod[] = ['listEntries', 'addEntries', 'raiseAll', 'readSettings', 'replaceSettings']

interface Lines { readonly main: Line, readonly second: Line }

/** An authorization server that guards routes as well. */
export function serverParts (run: RunContext, lines: Lines, isCommandLine = false): Parts {
  const store = lines.main.store()
  const second = lines.second === lines.main ? store : lines.second.store()
  // A command may be run without the options of the servers.
  const keys = keysOf(isCommandLine ? { ...run, options: { ...run.options, algorithm: 'EdDSA' } } : run, store)
  const clients = run.config.hasRegistry ? new ClientRegistry(store) : undefined
  const tokens = tokensOf(run, keys, store, second)
  const builder = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/token', accessTokenLifetime: run.config.tokenLifetime })
    .addClientAuthenticationMethod('client_secret_basic')
    .setThrottle(new FailureThrottle({ store: second }))
    .useAccessTokens(tokens)
  if (clients === undefined) builder.getClient((request) => findClient(run, request))
  else {
    builder
      .addClientAuthenticationMethod(privateKeyJwt({ issuer: ISSUER, clients, replays: second, clockTolerance: Math.min(60, run.config.clockTolerance) }))
      .useClients(clients)
  }
  return { keys, tokens, flow: builder.build(), clients }
}

// The clients of an application that has no registry.
function findClient ({ ledger }: RunContext, { clientId, clientSecret }: Pick<ClientCredentialsTokenRequest<string | undefined>, 'clientId' | 'clientSecret'>): OAuth2Client | undefined {
  if (ledger.secrets.get(clientId)?.[0]?.secret !== clientSecret) return undefined
  return { id: clientId, grants: ['client_credentials'], scopes: [], introspects: [API] }
}

/** A resource server that has the keys, and perhaps the entries in a store that it must name. */
export function guardParts (run: RunContext, lines: Lines, hasSeparateEntries: boolean): Parts {
  const keys = keysOf(run, lines.main.store(hasSeparateEntries ? KEY_METHODS : undefined))
  const tokens = jwtTokens(run, keys, lines.second.store(), hasSeparateEntries ? lines.main.store(ENTRY_METHODS) : undefined)
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: `${ISSUER}/token` }).useAccessTokens(tokens).build()
  return { keys, tokens, flow, clients: undefined }
}

function keysOf ({ config, options }: RunContext, store: WholeStore): SigningKeys {
  return new SigningKeys(store, {
    algorithm: options.algorithm,
    rotateEvery: config.rotateEvery,
    announceFor: 60,
    maxTokenLifetime: options.maxTokenLifetime,
    clockTolerance: config.clockTolerance,
    maxStale: config.maxStale
  })
}

function tokensOf (run: RunContext, keys: SigningKeys, store: WholeStore, second: WholeStore): RevocableTokens {
  return run.config.tokens === 'jwt' ? jwtTokens(run, keys, second, undefined) : opaqueTokens(run, store)
}

function jwtTokens ({ config }: RunContext, keys: SigningKeys, revocations: WholeStore, entries: WholeStore | undefined): RevocableTokens {
  return new JwtAccessTokens({
    issuer: ISSUER,
    audience: API,
    keys,
    revocations,
    ...(entries !== undefined && { entries }),
    clockTolerance: config.clockTolerance,
    maxStale: config.maxStale,
    signing: 'batch'
  })
}

function opaqueTokens ({ config, options }: RunContext, store: WholeStore): RevocableTokens {
  return new OpaqueAccessTokens({
    issuer: ISSUER, audience: API, store, maxTokenLifetime: options.maxTokenLifetime, clockTolerance: config.clockTolerance, maxStale: config.maxStale
  } as ConstructorParameters<typeof OpaqueAccessTokens>[0])
}
