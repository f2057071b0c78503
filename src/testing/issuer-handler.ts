import { endpointUrls, handleIntrospectionRequest, INTROSPECTION_JWT_MEDIA_TYPE, readTokenRequest, servedPaths, settingsOf, toOAuth2Error, toOpenIdConfiguration, toServerMetadata } from '../adapter.ts'
import type { ClientCredentialsFlow, SigningKeys } from '../index.ts'

const NO_STORE = { 'cache-control': 'no-store' }

/** Creates the request handler of an issuer: metadata, JWKS, token endpoint and introspection. */
export function createIssuerHandler (flow: ClientCredentialsFlow, keys: SigningKeys): (request: Request) => Promise<Response> {
  const settings = settingsOf(flow)
  const paths = servedPaths(flow, true)
  const { origin } = new URL(settings.accessTokens?.metadata?.issuer as string)
  const urls = endpointUrls(paths, origin)
  const routes = new Map<string | undefined, (request: Request) => Promise<Response>>([
    [paths.serverMetadata, async () => Response.json(await toServerMetadata(settings, urls))],
    [paths.openIdConfiguration, async () => Response.json(toOpenIdConfiguration(await toServerMetadata(settings, urls)))],
    [paths.jwks, async () => Response.json(await keys.toJwks())],
    [paths.token, async (request) => {
      const result = await flow.token(request)
      return result.success ? Response.json(result.tokenResponse, { headers: NO_STORE }) : toErrorResponse(result.error)
    }],
    [paths.introspection, async (request) => {
      const response = await handleIntrospectionRequest(settings, await readTokenRequest(request))
      return typeof response === 'string'
        ? new Response(response, { headers: { ...NO_STORE, 'content-type': INTROSPECTION_JWT_MEDIA_TYPE } })
        : Response.json(response, { headers: NO_STORE })
    }]
  ])
  return async (request) => {
    try {
      return await routes.get(new URL(request.url).pathname)?.(request) ?? new Response(null, { status: 404 })
    } catch (error) {
      return toErrorResponse(toOAuth2Error(error))
    }
  }
}

function toErrorResponse ({ body, status, headers }: ReturnType<typeof toOAuth2Error>): Response {
  return Response.json(body, { status, headers })
}
