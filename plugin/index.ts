import type { FastifyInstance, FastifyPluginAsync, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { endpointUrls, servedPaths, settingsOf, toSecuritySchemes } from '../src/adapter.ts'
import type { CredentialsOf, RegisteredFlow, ScopeOf } from '../src/adapter.ts'
import { agreeWithOthers } from './agreement.ts'
import { logAudit } from './audit-follower.ts'
import { refuseRenegotiation } from './client-certificate/tls-socket.ts'
import { endpoints } from './endpoints/client-endpoints.ts'
import { wellKnown } from './endpoints/well-known.ts'
import { secondaryServersOf, seeRoutesFirst } from './fastify-internals.ts'
import { Decisions } from './guard/decision.ts'
import type { DocumentedScopes } from './guard/documented-scopes.ts'
import { requireScopes } from './guard/guard.ts'
import type { Guard, GuardContext } from './guard/guard.ts'
import { createBodyCheck, guardRoute, noteGuards } from './guard/guarded-routes.ts'
import type { RequireScopes } from './guard/scope-requirement.ts'
import { serveHealth } from './health.ts'
import type { FlowDescription } from './openapi/document.ts'
import { noteRoute } from './openapi/noted-routes.ts'
import type { NotedRoute } from './openapi/noted-routes.ts'
import { describeOperations } from './openapi/operations.ts'
import { describeInSwagger, FLOW_DESCRIPTION } from './openapi/swagger.ts'
import { normalizePrefix, resolveOptions } from './options.ts'
import type { ClientCredentialsPluginOptions } from './options.ts'
import { OutageLog } from './outage-log.ts'
import { warnOfMemoryStore } from './redact-urls.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The flow of this plugin registration. {@link Register} declares its type. */
    clientCredentials: RegisteredFlow
    /**
     * Creates a guard for a route: a request must have a valid access token with all of these scopes, or with one of
     * `{ anyOf: [...] }`; without arguments, only a valid token. Use it as `preHandler` or `onRequest`, alone or in an array.
     *
     * @throws FST_OAUTH_UNKNOWN_SCOPE, FST_OAUTH_INVALID_SCOPE, FST_OAUTH_CALLBACK_MISSING when it is created
     */
    requireScopes: RequireScopes<Guard, ScopeOf<RegisteredFlow>>
  }

  interface FastifyRequest {
    /**
     * The credentials of the caller, once a guard has verified the access token; null before, and on unguarded routes. The option
     * `decoratorName` renames it: {@link credentialsOf} works with every name.
     */
    credentials: CredentialsOf<RegisteredFlow> | null
  }

  interface FastifyContextConfig {
    /**
     * The scopes of a guard that the plugin cannot detect: one inside a composed function, or in a hook of a whole encapsulation
     * context. Used for OpenAPI, and to handle tokens in the URL or the body. It guards NOTHING.
     */
    oauth?: DocumentedScopes
  }
}

const plugin: FastifyPluginAsync<ClientCredentialsPluginOptions> = async (fastify, options) => {
  const { flow, prefix, acceptJson, decoratorName, metadata, openIdConfiguration, origins, certificateOf, health, onRegister } = resolveOptions(options)
  onRegister(fastify)
  const paths = servedPaths(flow, openIdConfiguration)
  const guardContext: GuardContext = {
    flow,
    settings: settingsOf(flow),
    requestContext: { origin: origins.resource, certificateOf },
    decisions: new Decisions(flow, decoratorName),
    outageLog: new OutageLog('Guarded routes', fastify.log)
  }
  if (options.clientCertificate === undefined) {
    refuseRenegotiation(fastify.server)
    // For a host name with several addresses, Fastify starts a server for each further address after the first one listens.
    fastify.addHook('onListen', async () => { for (const server of secondaryServersOf(fastify)) refuseRenegotiation(server) })
  }

  fastify.decorate('clientCredentials', flow)
  fastify.decorate('requireScopes', (...args: unknown[]) => requireScopes(guardContext, args))
  for (const name of guardContext.decisions.decorators) fastify.decorateRequest(name, null)

  const routes: NotedRoute[] = []
  seeRoutesFirst(fastify, (route) => { noteGuards(guardContext, route) })
  fastify.addHook('onRoute', function (this: FastifyInstance, route: RouteOptions) {
    const needed = guardRoute(guardContext, route, this)
    routes.push(noteRoute(route, flow.getSecuritySchemeName(), needed?.map((scopes) => flow.toOpenAPIPathItem(scopes))))
  })

  fastify.addHook('preHandler', createBodyCheck(guardContext))

  fastify.addHook('onClose', async () => {
    await settingsOf(flow).clients?.flush?.().catch((err: unknown) => { fastify.log.warn({ err }, 'What was put off of the clients could not be written') })
  })

  const children: FastifyInstance[] = []
  fastify.addHook('onRegister', (child) => { children.push(child) })
  fastify.addHook('onReady', async () => {
    describeInSwagger(fastify, children.splice(0), description)
    warnOfMemoryStore(fastify.log)
    await agreeWithOthers(flow, fastify.log)
  })
  logAudit(fastify, settingsOf(flow).clients?.audit)

  // fastify.prefix is that of the encapsulation context of the plugin: paths are as clients see them.
  const base = `${normalizePrefix(fastify.prefix)}${prefix}`
  // Includes the path that a proxy removes. In other URLs of an OpenAPI document, that path is part of its servers.
  const servedToken = paths.token && `${origins.path}${base}${paths.token}`
  const description: FlowDescription = {
    schemeName: flow.getSecuritySchemeName(),
    securitySchemes: toSecuritySchemes({ ...settingsOf(flow), tokenEndpoint: servedToken ?? flow.getTokenEndpoint() }),
    operations: describeOperations(flow, paths, base),
    routes
  }
  fastify.decorate(FLOW_DESCRIPTION, description)
  if (paths.token !== undefined) await fastify.register(endpoints, { prefix, flow, acceptJson, paths, context: { origin: origins.server, certificateOf } })
  if (health) await fastify.register(async (scope) => { serveHealth(scope, flow) })
  await fastify.register(wellKnown, { prefix, flow, paths, urls: endpointUrls(paths, origins.server && `${origins.server}${base}`), overrides: metadata })
}

/**
 * Adds OAuth 2.0 client credentials to Fastify: the token endpoint, `request.credentials`, `app.requireScopes(...)`, and their
 * descriptions in OpenAPI if `@fastify/swagger` is registered.
 */
export const clientCredentialsPlugin = fp(plugin, {
  fastify: '5.x',
  name: 'fastify-client-credentials'
})

export default clientCredentialsPlugin
export { clientAdminPlugin } from './admin/index.ts'
export { authorizationServer } from './authorization-server.ts'
export type { AuthorizationServer, AuthorizationServerOptions } from './authorization-server.ts'
export { FAPI2_TLS } from './client-certificate/fapi2-tls.ts'
export { fastifyJwtTokens } from './fastify-jwt-tokens.ts'
export { credentialsOf } from './guard/decision.ts'
export type { Guard } from './guard/guard.ts'
export { dpopRequestInterceptor } from './openapi/dpop-request-interceptor.ts'
export { oauthTransformObject } from './openapi/swagger.ts'
export type { ClientCredentialsPluginOptions } from './options.ts'
export * from '../src/index.ts'
