/* eslint-disable @typescript-eslint/no-unused-vars, no-new */
// Nothing here is run: it is checked by tsc, and each @ts-expect-error must be an error.
import { clientSecretBasic } from '../../src/client-auth/client-secret-basic.ts'
import { ClientCredentialsFlow, ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, MemoryStore, privateKeyJwt, SigningKeys } from '../../src/index.ts'
import type { CredentialsOf, ScopeOf } from '../../src/adapter.ts'
import type { FlowTypes } from '../../src/flow/client-credentials-flow.ts'
import type { AuthCredentials, ClientCredentialsFlowOptions, ClientCredentialsTokenRequest, GetClient, OAuth2Client, VerifyToken } from '../../src/index.ts'
import { expectType } from './expect.ts'
import type { Same } from './expect.ts'

interface Row extends OAuth2Client { tenant: string }
type TypesOf<Flow extends { '~types'?: FlowTypes<string, OAuth2Client, AuthCredentials> }> = NonNullable<Flow['~types']>
type ClientOf<Flow extends { '~types'?: FlowTypes<string, OAuth2Client, AuthCredentials> }> = TypesOf<Flow>['client']

declare const row: Row
const issuer = 'https://as.example'
const store = new MemoryStore()

// Without declarations, everything is a string.
{
  const flow = new ClientCredentialsFlowBuilder().build()
  expectType<Same<typeof flow, ClientCredentialsFlow>>()
  expectType<Same<ScopeOf<typeof flow>, string>>()
  expectType<Same<ClientOf<typeof flow>, OAuth2Client>>()
  expectType<Same<CredentialsOf<typeof flow>, AuthCredentials>>()
  expectType<Same<ScopeOf<ReturnType<typeof withVariable>>, string>>()
}
function withVariable (scopes: Record<string, string>) {
  return new ClientCredentialsFlowBuilder().setScopes(scopes).build()
}
expectType<Same<ScopeOf<ReturnType<typeof withoutScopes>>, string>>()
function withoutScopes () {
  return new ClientCredentialsFlowBuilder().setScopes({}).build()
}

// The setters, in the order of the documentation.
const inOrder = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'data:read': 'Read data', 'data:write': 'Write data' })
  .addClientAuthenticationMethod('client_secret_basic')
  .getClient(async ({ clientId, clientSecret }) => {
    expectType<Same<typeof clientSecret, string>>()
    return clientId === row.id && clientSecret === row.secret ? row : undefined
  })
  .generateAccessToken(async ({ client, scope }) => {
    expectType<Same<typeof client, Row>>()
    expectType<Same<typeof scope, string[]>>()
    return { accessToken: client.tenant }
  })
  .verifyToken(async (token) => {
    if (token === '') return { isValid: false, message: 'The token is empty' }
    return { isValid: true, credentials: { app: { id: 'reader', tenant: 'acme' }, scope: 'data:read' } }
  })
  .build()
expectType<Same<ScopeOf<typeof inOrder>, 'data:read' | 'data:write'>>()
expectType<Same<ClientOf<typeof inOrder>, Row>>()
expectType<Same<CredentialsOf<typeof inOrder>['app'], { id: string, tenant: string }>>()
expectType<Same<CredentialsOf<typeof inOrder>['scope'], readonly string[]>>()
expectType<Same<keyof ReturnType<typeof inOrder.getScopes>, 'data:read' | 'data:write'>>()

// In the reverse order: what generateAccessToken gets is a client, and the flow has the types all the same.
const reversed = new ClientCredentialsFlowBuilder()
  .verifyToken(() => ({ isValid: true, credentials: { app: { id: 'reader', tenant: 'acme' } } }))
  .generateAccessToken(({ client }) => {
    expectType<Same<typeof client, OAuth2Client>>()
    return client.id
  })
  .getClient(() => row)
  .addClientAuthenticationMethod('client_secret_post')
  .setScopes({ 'data:read': 'Read data' })
  .setAccessTokenLifetime(60)
  .build()
expectType<Same<ScopeOf<typeof reversed>, 'data:read'>>()
expectType<Same<ClientOf<typeof reversed>, Row>>()
expectType<Same<CredentialsOf<typeof reversed>['app']['tenant'], string>>()

// The parameters of the constructor.
const constructed = new ClientCredentialsFlowBuilder({
  scopes: { 'data:read': 'Read data' },
  clientAuthenticationMethods: ['client_secret_post'],
  getClient: ({ clientSecret }) => { expectType<Same<typeof clientSecret, string>>(); return row },
  generateAccessToken: ({ client }) => client.tenant,
  verifyToken: () => ({ isValid: true, credentials: { app: { id: 'reader', tenant: 'acme' } } })
}).build()
expectType<Same<typeof constructed, ClientCredentialsFlow<'data:read', Row, { app: { id: string, tenant: string } }>>>()
const direct = new ClientCredentialsFlow({ scopes: { 'data:read': 'Read data' }, getClient: () => row })
expectType<Same<ScopeOf<typeof direct>, 'data:read'>>()
expectType<Same<ClientOf<typeof direct>, Row>>()

// Flows and builders of any types fit where no types are named.
const flows: ClientCredentialsFlow[] = [inOrder, reversed, constructed, direct]
const builders: ClientCredentialsFlowBuilder[] = [
  new ClientCredentialsFlowBuilder().setScopes({ a: 'A' }).getClient(() => row),
  new ClientCredentialsFlowBuilder().addClientAuthenticationMethod('private_key_jwt')
]
const options: Partial<ClientCredentialsFlowOptions> = { scopes: { a: 'A' }, getClient: () => row, verifyToken: () => undefined }
expectType<Same<ScopeOf<ReturnType<typeof fromOptions>>, string>>()
function fromOptions () {
  return new ClientCredentialsFlowBuilder(options).build()
}

// Explicit types, and callbacks that are declared elsewhere.
declare const find: GetClient<Row>
declare const verify: VerifyToken
const explicit = new ClientCredentialsFlowBuilder<'a' | 'b', Row>().generateAccessToken(({ client }) => client.tenant).getClient(find).verifyToken(verify).build()
expectType<Same<ScopeOf<typeof explicit>, 'a' | 'b'>>()

// Kinds of access token set the credentials, too.
const registered = new ClientCredentialsFlowBuilder()
  .setScopes({ 'data:read': 'Read data' })
  .addClientAuthenticationMethod('private_key_jwt')
  .useClients(new ClientRegistry(store))
  .useAccessTokens(new JwtAccessTokens({ issuer, audience: issuer, keys: new SigningKeys(store) }))
  .build()
expectType<Same<CredentialsOf<typeof registered>, AuthCredentials>>()

// A method without secrets.
new ClientCredentialsFlowBuilder()
  .addClientAuthenticationMethod(privateKeyJwt({ issuer, replays: store, keys: () => undefined }))
  .getClient(({ clientSecret }) => {
    expectType<Same<typeof clientSecret, string | undefined>>()
    return row
  })
new ClientCredentialsFlowBuilder({
  clientAuthenticationMethods: ['client_secret_basic', 'tls_client_auth'],
  getClient: ({ clientSecret }) => { expectType<Same<typeof clientSecret, string | undefined>>(); return undefined }
})
new ClientCredentialsFlowBuilder()
  .addClientAuthenticationMethod(clientSecretBasic)
  .getClient(({ clientSecret }) => {
    expectType<Same<typeof clientSecret, string>>()
    return undefined
  })
new ClientCredentialsFlowBuilder()
  .addClientAuthenticationMethod('private_key_jwt')
  // @ts-expect-error This callback demands a secret, and the method has none.
  .getClient((request: ClientCredentialsTokenRequest) => request.clientSecret === '' ? undefined : row)

// Wrong names of methods.
// @ts-expect-error There is no such method.
new ClientCredentialsFlowBuilder().addClientAuthenticationMethod('client_secret_bsic')
// @ts-expect-error There is no such method.
new ClientCredentialsFlowBuilder({ clientAuthenticationMethods: ['client_secret_bsic'] })
// @ts-expect-error A method has a name.
new ClientCredentialsFlowBuilder().addClientAuthenticationMethod({ authenticate: () => undefined })

// Missing and wrong members.
// @ts-expect-error A client has grants.
new ClientCredentialsFlowBuilder().getClient(() => ({ id: 'reader' }))
// @ts-expect-error A client has an id.
new ClientCredentialsFlowBuilder({ getClient: async () => ({ grants: [] }) })
// @ts-expect-error The client of getClient has no such member.
new ClientCredentialsFlowBuilder().getClient(() => row).generateAccessToken(({ client }) => client.tenent)
// @ts-expect-error Credentials have the client.
new ClientCredentialsFlowBuilder().verifyToken(() => ({ isValid: true, credentials: { scope: [] } }))
// @ts-expect-error The client of credentials has an id.
new ClientCredentialsFlowBuilder().verifyToken(() => ({ isValid: true, credentials: { app: { tenant: 'acme' } } }))
// @ts-expect-error A scope has a description.
new ClientCredentialsFlowBuilder().setScopes({ 'data:read': 1 })
// @ts-expect-error The flow declares no such scope.
export const description = inOrder.getScopes()['data:raed']
// @ts-expect-error verifyToken returns no such member.
export type Missing = CredentialsOf<typeof inOrder>['app']['tenent']

export { builders, flows }
