// Programs that are written against the documentation of @saurbit/oauth2: but for the import, they would be the same there.
import { ClientCredentialsFlow, ClientCredentialsFlowBuilder, InvalidClientError, OAuth2Error, StrategyError } from '../../src/index.ts'
import type {
  AppCredentials, AuthCredentials, ClientCredentialsFlowOptions, ClientCredentialsGrantContext, ClientCredentialsTokenRequest,
  OAuth2AccessTokenResult, OAuth2Client, OAuth2FlowTokenResponse, StrategyResult
} from '../../src/index.ts'

const table = new Map<string, OAuth2Client>([
  ['billing', { id: 'billing', secret: 's3cret', redirectUris: [], grants: ['client_credentials'], scopes: ['invoices:read'], metadata: { tenant: 'acme' } }],
  ['browser', { id: 'browser', secret: 's3cret', redirectUris: ['https://app.example/callback'], grants: ['authorization_code'] }]
])
const issued = new Map<string, { sub: string, scope: string[], exp: number }>()
export const seen: string[] = []

// Every callback a function of its own, with the types of the documentation.
async function lookUp (request: ClientCredentialsTokenRequest): Promise<OAuth2Client | undefined> {
  const secret: string = request.clientSecret
  const wanted: string[] | undefined = request.scope
  wanted?.sort()
  request.scope = wanted?.concat('changed')
  seen.push(`${request.clientAuthMethod ?? ''} ${request.origin} ${request.grantType}`)
  const data: Partial<OAuth2Client> | undefined = request.clientAuthData
  const client = table.get(request.clientId)
  return data === undefined && client?.secret === secret ? client : undefined
}

async function issue (context: ClientCredentialsGrantContext): Promise<OAuth2AccessTokenResult | undefined> {
  const { client, scope, accessTokenLifetime, tokenType, origin } = context
  const granted: string[] = scope
  const tenant: unknown = client.metadata?.tenant
  const accessToken = [tokenType, client.id, String(tenant), String(issued.size)].join('-')
  issued.set(accessToken, { sub: client.id, scope: [...granted], exp: Math.floor(Date.now() / 1000) + accessTokenLifetime })
  granted.length = 0
  seen.push(origin)
  return { accessToken }
}

// Without annotation: TypeScript makes a boolean of isValid.
async function inspect (token: string) {
  const payload = issued.get(token)
  if (payload === undefined) return { isValid: false }
  return { isValid: true, credentials: { app: { id: payload.sub }, scope: payload.scope } }
}

const settings: Partial<ClientCredentialsFlowOptions> = {
  securitySchemeName: 'serviceAuth',
  description: 'Between services',
  accessTokenLifetime: 1800,
  tokenEndpoint: '/token'
}

export const annotated: ClientCredentialsFlow = new ClientCredentialsFlowBuilder(settings)
  .setScopes({ 'invoices:read': 'Read invoices', 'invoices:write': 'Write invoices' })
  .addClientAuthenticationMethod('client_secret_basic')
  .addClientAuthenticationMethod('client_secret_post')
  .addClientAuthenticationMethod('none')
  .getClient(lookUp)
  .generateAccessToken(issue)
  .verifyToken(inspect)
  .build()

// The callbacks in place, sync, with a token that is a string, and the result of a verification as its own type.
export const inPlace = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/token' })
  .noneAuthenticationMethod()
  .clientSecretBasicAuthenticationMethod()
  .removeClientAuthenticationMethod('client_secret_post')
  .getClient(({ clientId, clientSecret, scope }) => {
    const client = table.get(clientId)
    if (client === undefined || client.secret !== clientSecret) return undefined
    if (scope?.includes('forbidden') === true) throw new InvalidClientError('Not that scope')
    return client
  })
  .generateAccessToken((context) => context.client.id === 'billing' ? 'token-of-billing' : undefined)
  .verifyToken((token): StrategyResult => {
    const app: AppCredentials = { id: 'billing' }
    const credentials: AuthCredentials = { app, scope: ['invoices:read'] }
    return token === 'token-of-billing' ? { success: true, credentials } : { success: false, error: new StrategyErrorOfOurs() }
  })
  .build()

class StrategyErrorOfOurs extends StrategyError {
  constructor () {
    super('invalid_token', 401, 'Not one of ours')
  }
}

/** The token endpoint of any framework with web requests. */
export async function answerToken (flow: ClientCredentialsFlow, request: Request): Promise<Response> {
  const result: OAuth2FlowTokenResponse = await flow.token(request)
  if (!result.success) {
    const error: OAuth2Error = result.error
    return Response.json({ error: error.errorCode, error_description: error.message }, { status: error.statusCode ?? 400 })
  }
  const { access_token: accessToken, token_type: tokenType, expires_in: expiresIn, scope } = result.tokenResponse
  const grantType: string = result.grantType
  return Response.json({ access_token: accessToken, token_type: tokenType, expires_in: expiresIn, scope, grantType })
}

/** A protected resource. */
export async function answerResource (flow: ClientCredentialsFlow, request: Request): Promise<Response> {
  const result: StrategyResult = await flow.verifyToken(request)
  if (!result.success) return Response.json({ error: result.error.errorCode, message: result.error.message }, { status: result.error.status })
  const credentials: AuthCredentials = result.credentials
  return Response.json({ id: credentials.app?.id, scope: credentials.scope?.join(' ') })
}

/** The parts of an OpenAPI document. */
export function describe (flow: ClientCredentialsFlow, scopes: string[]) {
  const scheme: Record<string, { type: 'oauth2', description?: string | undefined, flows: { clientCredentials: { scopes: Record<string, string>, tokenUrl: string } } }> = flow.toOpenAPISecurityScheme()
  const security: Record<string, string[]> = flow.toOpenAPIPathItem(scopes)
  return { path: flow.getTokenEndpoint(), scheme, security }
}
