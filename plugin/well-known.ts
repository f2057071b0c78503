import type { FastifyPluginAsync } from 'fastify'
import { toResourceMetadata, toServerMetadata } from '../src/index.ts'
import type { ClientCredentialsFlow, EndpointUrls } from '../src/index.ts'
import { markRoute, operationMark } from './openapi/marks.ts'
import type { OperationName } from './openapi/marks.ts'
import type { ServedPaths } from './paths.ts'
import { sendJson } from './reply.ts'

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
  const serve = (url: string, name: OperationName, maxAge: number, read: () => string | Promise<string>) => {
    fastify.get(url, { config: { swaggerTransform: markRoute(operationMark(flow, name)) } as object }, async (_request, reply) => {
      return sendJson(reply.header('cache-control', `public, max-age=${maxAge}`), await read())
    })
  }

  const { settings } = flow
  const { jwks, serverMetadata, resourceMetadata } = paths
  const keys = settings.accessTokens?.metadata?.keys
  if (jwks !== undefined) serve(jwks, 'jwks', keys!.jwksMaxAge, async () => JSON.stringify(await keys!.toJwks()))
  if (serverMetadata !== undefined) {
    const document = JSON.stringify({ ...toServerMetadata(settings, urls), ...overrides })
    serve(serverMetadata, 'serverMetadata', METADATA_MAX_AGE, () => document)
  }
  if (resourceMetadata !== undefined) {
    const document = JSON.stringify(toResourceMetadata(settings))
    serve(resourceMetadata, 'resourceMetadata', METADATA_MAX_AGE, () => document)
  }
}
