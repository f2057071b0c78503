import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import clientCredentialsPlugin from '../../plugin/index.ts'
import type { ClientCredentialsPluginOptions } from '../../plugin/index.ts'
import { ClientCredentialsFlowBuilder } from '../../src/index.ts'
import type { GetClient, OAuth2Client } from '../../src/index.ts'

export const SECRET = 'pa:ss+wo%rd'
export const TOKEN_PATH = '/oauth2/token'
export const FORM = 'application/x-www-form-urlencoded'

/** The clients of the tests, all with the same secret. */
export const CLIENTS: Readonly<Record<string, OAuth2Client>> = {
  reader: { id: 'reader', grants: ['client_credentials'], scopes: ['data:read'] },
  writer: { id: 'writer', grants: ['client_credentials'], scopes: ['data:read', 'data:write'] },
  scopeless: { id: 'scopeless', grants: ['client_credentials'] },
  browser: { id: 'browser', grants: ['authorization_code'], scopes: ['data:read'] },
  poster: { id: 'poster', grants: ['client_credentials'], scopes: ['data:read'], metadata: { token_endpoint_auth_method: 'client_secret_post' } },
  'a:b c': { id: 'a:b c', grants: ['client_credentials'], scopes: ['data:read'] }
}

export const getClient: GetClient = ({ clientId, clientSecret }) =>
  clientSecret === SECRET && Object.hasOwn(CLIENTS, clientId) ? CLIENTS[clientId] : undefined

/** A builder that is complete: opaque tokens that spell out who they are for, both secret methods, two scopes. */
export function demoBuilder (): ClientCredentialsFlowBuilder {
  return new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH })
    .setSecuritySchemeName('demo')
    .setScopes({ 'data:read': 'Read data', 'data:write': 'Write data' })
    .clientSecretBasicAuthenticationMethod()
    .clientSecretPostAuthenticationMethod()
    // Thousands of rejections are tested: see rejection-delay.test.ts for their time.
    .setRejectionDelay(0)
    .getClient(getClient)
    .generateAccessToken(({ client, scope }) => tokenOf(client.id, scope))
    .verifyToken((token) => {
      const [prefix, id, scope = ''] = token.split('.')
      if (prefix !== 'token' || id === undefined) return { isValid: false, message: 'Unknown token' }
      return { isValid: true, credentials: { app: { id: Buffer.from(id, 'base64url').toString() }, scope: Buffer.from(scope, 'base64url').toString() } }
    })
}

/** The token that {@link demoBuilder} makes and verifies. */
export function tokenOf (clientId: string, scope: readonly string[] = []): string {
  return ['token', Buffer.from(clientId).toString('base64url'), Buffer.from(scope.join(' ')).toString('base64url')].join('.')
}

/** An application with the plugin, a guarded GET and POST /data, and an open GET /open. */
export async function demoApp (options: Partial<ClientCredentialsPluginOptions> = {}, server: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const app = Fastify(server)
  await app.register(clientCredentialsPlugin, { flow: demoBuilder().build(), ...options })
  app.get('/data', { preHandler: app.requireScopes('data:read') }, async (request) => request.credentials)
  app.post('/data', { preHandler: app.requireScopes('data:write') }, async (request) => request.credentials)
  app.get('/open', async (request) => ({ credentials: request.credentials }))
  return app
}

/** An Authorization field of HTTP Basic, form-encoded first as RFC 6749 §2.3.1 demands. */
export function basic (clientId: string, clientSecret: string = SECRET): string {
  return rawBasic(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`)
}

/** An Authorization field of HTTP Basic with any text in it. */
export function rawBasic (text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`
}

/** A form body. Pairs, so that a parameter may be repeated. */
export function form (parameters: Record<string, string> | [string, string][]): string {
  return new URLSearchParams(parameters).toString()
}

/** As much of an answer as `app.inject` and {@link exchange} both give. */
export interface Answer {
  statusCode: number
  headers: Record<string, string | number | string[] | undefined>
  body: string
}

/** Sends a request over a real socket, byte by byte as written, and reads its answer. Starts the application if need be. */
export async function exchange (app: FastifyInstance, requestLine: string, fields: readonly string[] = [], body: string | Buffer = ''): Promise<Answer> {
  if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write([`${requestLine} HTTP/1.1`, 'host: localhost', 'connection: close', ...fields, '', ''].join('\r\n'), 'latin1')
  socket.write(body)
  const answer = await text(socket)
  const end = answer.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = answer.slice(0, end).split('\r\n')
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
  return { statusCode: Number(statusLine.split(' ')[1]), headers, body: answer.slice(end + 4) }
}
