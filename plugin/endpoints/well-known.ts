import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { AT_ROOT, settingsOf, toOAuth2Error, toOpenIdConfiguration, toResourceMetadata, toServerMetadata } from '../../src/adapter.ts'
import type { EndpointUrls, ServedPaths } from '../../src/adapter.ts'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import { FST_OAUTH_WELL_KNOWN_TAKEN } from '../errors.ts'
import { OPEN_CONFIG } from '../guard/unguarded-routes.ts'
import { markRoute, operationMark } from '../openapi/marks.ts'
import { OutageLog } from '../outage-log.ts'
import { sendError, sendJson } from '../reply.ts'

/** What the well-known documents are served from. */
export interface WellKnownOptions {
  flow: ClientCredentialsFlow
  paths: ServedPaths
  urls: EndpointUrls
  /** Members of the server's metadata that take the place of ours. */
  overrides: Readonly<Record<string, unknown>>
}

// Seconds. Metadata changes with the configuration, at a restart.
const METADATA_MAX_AGE = 300

/** The documents by which others find the endpoints, the keys, and the server that issues tokens for this API. */
export const wellKnown: FastifyPluginAsync<WellKnownOptions> = async (fastify, { flow, paths, urls, overrides }) => {
  const root = rootOf(fastify)
  const taken = takenPathsOf(root)
  const serve = (name: keyof ServedPaths, of: unknown, maxAge: number, read: () => object | Promise<object>) => {
    const path = paths[name]
    if (path === undefined) return
    const scope = AT_ROOT.has(name) ? root : fastify
    const swaggerTransform = name === 'openIdConfiguration' ? hideRoute : markRoute(operationMark(flow, name))
    const url = `${scope.prefix}${path}`
    // The API of one server may be in several scopes: a resource has one document. Another server's must not hide this one's.
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
        // What the store of keys says is not for everybody.
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

// The same document as the metadata, for verifiers that look for it elsewhere: nothing for people who read the API's document.
function hideRoute ({ url }: { url: string }): { schema: object, url: string } {
  return { schema: { hide: true }, url }
}

// What each well-known path of an application is served for.
const takenPaths = new WeakMap<object, Map<string, unknown>>()

function takenPathsOf ({ server }: FastifyInstance): Map<string, unknown> {
  let taken = takenPaths.get(server)
  if (taken === undefined) takenPaths.set(server, taken = new Map())
  return taken
}

// The nearest instance without a prefix: encapsulated instances inherit from each other.
function rootOf (instance: FastifyInstance): FastifyInstance {
  return instance.prefix === '' ? instance : rootOf(Object.getPrototypeOf(instance))
}

// As the router compares paths: decoded, and ":" begins no parameter.
function routeOf (path: string): string {
  return decodeURI(path).replaceAll(':', '::')
}
