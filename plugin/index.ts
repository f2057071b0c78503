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
    /** The flow that the plugin was registered with. Its type is the one that {@link Register} declares. */
    clientCredentials: RegisteredFlow
    /**
     * Makes a guard for a route: the request needs a valid access token with all of these scopes, or with one of
     * `{ anyOf: [...] }`; without arguments, a valid token only. Put it into `preHandler` or `onRequest`, alone or in a list.
     *
     * @throws FST_OAUTH_UNKNOWN_SCOPE, FST_OAUTH_INVALID_SCOPE, FST_OAUTH_CALLBACK_MISSING when it is made
     */
    requireScopes: RequireScopes<Guard, ScopeOf<RegisteredFlow>>
  }

  interface FastifyRequest {
    /**
     * Who calls, once a guard has verified the access token; null before, and on routes without a guard. The option
     * `decoratorName` renames it: {@link credentialsOf} works under every name.
     */
    credentials: CredentialsOf<RegisteredFlow> | null
  }

  interface FastifyContextConfig {
    /**
     * The scopes of a guard that the plugin cannot see: in a composed function, or in a hook of a whole scope. For
     * OpenAPI, and for what is done about tokens that are wrongly sent in the URL or the body. It guards NOTHING.
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
    // Where a host name has several addresses, Fastify opens a server for each of the others, once the first listens.
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

  // fastify.prefix is that of the scope we are registered in: paths as clients see them.
  const base = `${normalizePrefix(fastify.prefix)}${prefix}`
  // What a proxy takes away is a part of it: the rest of a document's URLs has that in its servers.
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
 * OAuth 2.0 client credentials for Fastify: the token endpoint, `request.credentials`, `app.requireScopes(...)`, and all
 * of it in OpenAPI when `@fastify/swagger` is there.
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
