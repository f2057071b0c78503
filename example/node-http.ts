// An adapter for plain node:http: npm run example:node-http. The plugin for Fastify is made of the same functions.
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import {
  checkScope, endpointUrls, FORM_BODY_LIMIT, FORM_MEDIA_TYPE, formTooLarge, handleIntrospectionRequest, handleRevocationRequest, handleTokenRequest,
  hasTooManyParameters, INTROSPECTION_JWT_MEDIA_TYPE, isStrategyError, MethodNotAllowedError, NO_STORE, notAForm, parseForm, publishDenial, servedPaths,
  settingsOf, tooManyParameters, toOAuth2Error, toResourceMetadata, toServerMetadata, verifyRequest
} from 'fastify-client-credentials/adapter'
import type { ClientEndpoint, FormParameters, PlainRequest, TokenRequest } from 'fastify-client-credentials/adapter'
import { ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, MemoryStore, SigningKeys } from 'fastify-client-credentials/core'
import type { AuthCredentials, ClientCredentialsFlow } from 'fastify-client-credentials/core'

interface Route { scopes: readonly string[], answer (credentials: AuthCredentials): object }

async function readForm (request: IncomingMessage): Promise<FormParameters> {
  if (request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() !== FORM_MEDIA_TYPE) throw notAForm()
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if ((size += chunk.length) > FORM_BODY_LIMIT) throw formTooLarge()
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks).toString()
  if (hasTooManyParameters(body)) throw tooManyParameters()
  return parseForm(body)
}

function send (response: ServerResponse, status: number, headers: Record<string, string>, body: object | string): void {
  const type = typeof body === 'string' ? INTROSPECTION_JWT_MEDIA_TYPE : 'application/json'
  response.writeHead(status, { 'content-type': type, ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body))
}

/**
 * Serves a flow, and GET routes for callers with an access token of all their scopes. A route with a body would also have to reject a
 * second token in a form: see rejectSecondToken.
 *
 * @param origin where clients reach this server
 */
function serve (flow: ClientCredentialsFlow, origin: string, routes: Readonly<Record<string, Route>>): RequestListener {
  const settings = settingsOf(flow)
  const paths = servedPaths(flow, false)
  const documents = new Map<string | undefined, () => object | Promise<object>>([
    [paths.jwks, () => settings.accessTokens!.metadata!.keys!.toJwks()],
    [paths.serverMetadata, () => toServerMetadata(settings, endpointUrls(paths, origin))],
    [paths.resourceMetadata, () => toResourceMetadata(settings)]
  ])
  const endpoints = new Map<string | undefined, [ClientEndpoint, (request: TokenRequest) => Promise<object | string>]>([
    [paths.token, ['token', (request) => handleTokenRequest(settings, request)]],
    [paths.introspection, ['introspection', (request) => handleIntrospectionRequest(settings, request)]],
    [paths.revocation, ['revocation', async (request) => { await handleRevocationRequest(settings, request); return {} }]]
  ])

  async function answer (request: IncomingMessage, response: ServerResponse, plain: PlainRequest): Promise<void> {
    const path = plain.url.split('?', 1)[0]!
    const [endpoint, handle] = endpoints.get(path) ?? []
    const [document, route] = [documents.get(path), Object.hasOwn(routes, path) ? routes[path] : undefined]
    if (endpoint !== undefined && handle !== undefined) {
      const form = await (plain.method === 'POST' ? readForm(request) : Promise.reject(new MethodNotAllowedError('This endpoint takes POST only'))).catch((error: unknown) => {
        publishDenial(settings, plain, endpoint, toOAuth2Error(error))
        throw error
      })
      send(response, 200, NO_STORE, await handle({ ...plain, form }))
    } else if (document !== undefined && plain.method === 'GET') {
      send(response, 200, { 'cache-control': 'public, max-age=300' }, await document())
    } else if (route !== undefined && plain.method === 'GET') {
      const credentials = await verifyRequest(settings, plain, route.scopes)
      checkScope(settings, plain, credentials, route.scopes)
      send(response, 200, {}, route.answer(credentials))
    } else response.writeHead(404).end()
  }

  return (request, response) => {
    const header = (name: string) => request.headersDistinct[name]?.join(', ')
    const plain: PlainRequest = { method: request.method ?? '', url: request.url ?? '', origin, address: request.socket.remoteAddress, header }
    answer(request, response, plain).catch((error: unknown) => {
      const failure = isStrategyError(error) ? error : toOAuth2Error(error)
      if (failure.status >= 500) console.error(failure)
      send(response, failure.status, failure.headers, failure.body)
    })
  }
}

const port = Number(process.env.PORT ?? 3000)
const origin = `http://localhost:${port}`
const store = new MemoryStore()
const clients = new ClientRegistry(store)
const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'notes:read': 'Read notes' }).useClients(clients)
  .useAccessTokens(new JwtAccessTokens({ issuer: origin, audience: `${origin}/notes`, keys: new SigningKeys(store), revocations: store }))
  .build()
const { client, secret } = await clients.add({ scopes: ['notes:read'] })
const server = createServer(serve(flow, origin, { '/notes': { scopes: ['notes:read'], answer: ({ app }) => ({ caller: app.id, notes: ['Buy milk'] }) } }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { server.closeAllConnections(); server.close() })
server.listen(port, () => {
  const ask = `curl -s -u ${client.id}:${secret?.secret} -d grant_type=client_credentials ${origin}/oauth2/token`
  console.log(`A token opens the route:\n  curl -s -H "Authorization: Bearer $(${ask} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')" ${origin}/notes\nReady`)
})
