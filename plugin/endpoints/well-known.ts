import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { AT_ROOT, settingsOf, toOAuth2Error, toOpenIdConfiguration, toResourceMetadata, toServerMetadata } from '../../src/adapter.ts'
import type { EndpointUrls, ServedPaths } from '../../src/adapter.ts'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import { FST_OAUTH_WELL_KNOWN_TAKEN } from '../errors.ts'
import { OPEN_CONFIG } from '../guard/unguarded-routes.ts'
import { markRoute, operationMark } from '../openapi/marks.ts'
import { OutageLog } from '../outage-log.ts'
import { sendError, sendJson } from '../reply.ts'

/** Options of the well-known documents. */
export interface WellKnownOptions {
  flow: ClientCredentialsFlow
  paths: ServedPaths
  urls: EndpointUrls
  /** Members of the server's metadata that are added or replaced. */
  overrides: Readonly<Record<string, unknown>>
}

// Seconds. Metadata changes with the configuration, at a restart.
const METADATA_MAX_AGE = 300

/** Serves the documents that announce the endpoints, the keys, and the authorization server of this API. */
export const wellKnown: FastifyPluginAsync<WellKnownOptions> = async (fastify, { flow, paths, urls, overrides }) => {
  const root = rootOf(fastify)
  const taken = takenPathsOf(root)
  const serve = (name: keyof ServedPaths, of: unknown, maxAge: number, read: () => object | Promise<object>) => {
    const path = paths[name]
    if (path === undefined) return
    const scope = AT_ROOT.has(name) ? root : fastify
    const swaggerTransform = name === 'openIdConfiguration' ? hideRoute : markRoute(operationMark(flow, name))
    const url = `${scope.prefix}${path}`
    // One API may be in several encapsulation contexts: its documents are served once. A path of another server must not be overwritten.
    if (taken.has(url) && taken.get(url) !== of) throw new FST_OAUTH_WELL_KNOWN_TAKEN(url)
    if (taken.has(url)) return
    taken.set(url, of)
    const outage = new OutageLog(url, fastify.log)
    scope.get(routeOf(path), { config: { ...OPEN_CONFIG, swaggerTransform } as object }, async (_request, reply) => {
      try {
        const json = JSON.stringify(await read())
        outage.succeeded()
        return sendJson(reply.header('cache-control', `public, max-age=${maxAge}`), json)
      } catch (error) {
        // The response must not reveal the message of the key store.
        const failure = toOAuth2Error(error)
        outage.failed(failure)
        return sendError(reply, failure)
      }
    })
  }

  const settings = settingsOf(flow)
  const keys = settings.accessTokens?.metadata?.keys
  serve('jwks', keys, keys?.jwksMaxAge ?? 0, () => keys!.toJwks())
  const issuer = settings.accessTokens?.metadata?.issuer
  const readMetadata = async () => ({ ...await toServerMetadata(settings, urls), ...overrides })
  serve('serverMetadata', issuer, METADATA_MAX_AGE, readMetadata)
  serve('openIdConfiguration', issuer, METADATA_MAX_AGE, async () => toOpenIdConfiguration(await readMetadata()))
  serve('resourceMetadata', settings.resource, METADATA_MAX_AGE, () => toResourceMetadata(settings))
}

// The same document as the metadata, for other verifiers. It is omitted from the OpenAPI document.
function hideRoute ({ url }: { url: string }): { schema: object, url: string } {
  return { schema: { hide: true }, url }
}

// The flow for which each well-known path of an application is served.
const takenPaths = new WeakMap<object, Map<string, unknown>>()

function takenPathsOf ({ server }: FastifyInstance): Map<string, unknown> {
  let taken = takenPaths.get(server)
  if (taken === undefined) takenPaths.set(server, taken = new Map())
  return taken
}

// Returns the nearest instance without a prefix: encapsulated instances inherit from each other.
function rootOf (instance: FastifyInstance): FastifyInstance {
  return instance.prefix === '' ? instance : rootOf(Object.getPrototypeOf(instance))
}

// Converts a path to a route as the router compares it: decoded, and with ":" escaped, since it would start a parameter.
function routeOf (path: string): string {
  return decodeURI(path).replaceAll(':', '::')
}
