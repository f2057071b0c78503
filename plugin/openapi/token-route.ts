import type { ClientCredentialsFlow } from '../../src/index.ts'
import { TOKEN_ROUTE_MARK } from './marks.ts'

/** The tag of every operation that is ours. */
export const OAUTH_TAG = 'OAuth 2.0'

interface TransformedRoute {
  url: string
  openapiObject?: { paths?: Record<string, { post?: unknown }> }
}

/**
 * Makes the transform of the token route, which takes the place of the application's: that may know other schemas than
 * ours. It leaves a mark where @fastify/swagger puts such a path, for the operation to take its place.
 */
export function markTokenRoute (flow: ClientCredentialsFlow): (route: TransformedRoute) => { schema: object, url: string } {
  const schema = { tags: [OAUTH_TAG], [TOKEN_ROUTE_MARK]: flow.getSecuritySchemeName() }
  return ({ url, openapiObject: { paths = {} } = {} }) => {
    const written = Object.entries(paths).some(([path, { post }]) => post !== undefined && url.endsWith(path))
    return { schema: written ? { hide: true } : schema, url }
  }
}

const SCHEMA = '#/components/schemas/'
const RESPONSE = '#/components/responses/'
const JSON_TYPE = 'application/json'

const errorResponse = (description: string, examples: Record<string, { error: string, error_description: string }>) => ({
  description,
  content: {
    [JSON_TYPE]: {
      schema: { $ref: `${SCHEMA}OAuth2Error` },
      examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]))
    }
  }
})

const challengeHeader = {
  'WWW-Authenticate': { description: 'The challenge (RFC 9110 section 11.6.1).', schema: { type: 'string' } }
}

/** The answers of guarded routes, which operations refer to. */
export const guardResponses = {
  OAuth2Unauthorized: {
    ...errorResponse('No access token, or none that is valid (RFC 6750 section 3.1).', {
      unauthorized: { error: 'unauthorized', error_description: 'An access token is required' },
      invalid_token: { error: 'invalid_token', error_description: 'The access token is invalid' }
    }),
    headers: challengeHeader
  },
  OAuth2Forbidden: {
    ...errorResponse('The access token lacks a scope (RFC 6750 section 3.1).', {
      insufficient_scope: { error: 'insufficient_scope', error_description: 'The access token lacks a scope' }
    }),
    headers: challengeHeader
  }
} as const

export const UNAUTHORIZED = { $ref: `${RESPONSE}OAuth2Unauthorized` }
export const FORBIDDEN = { $ref: `${RESPONSE}OAuth2Forbidden` }

/** Writes the operation of the token route of a flow. */
export function tokenOperation (flow: ClientCredentialsFlow): object {
  const methods = flow.getTokenEndpointAuthMethods()
  const scope = Object.keys(flow.getScopes()).join(' ')
  const request = { grant_type: 'client_credentials', ...(scope !== '' && { scope }) }
  const credentials = { client_id: 'my-service', client_secret: 'its-secret' }
  return {
    tags: [OAUTH_TAG],
    summary: 'Get an access token',
    description: `The client credentials grant (RFC 6749 section 4.4). Clients authenticate by ${methods.join(' or ')}.`,
    // Clients authenticate by what they send here, not by a token.
    security: [],
    requestBody: {
      required: true,
      content: {
        'application/x-www-form-urlencoded': {
          schema: { $ref: `${SCHEMA}OAuth2TokenRequest` },
          examples: {
            ...(methods.includes('client_secret_basic') && { client_secret_basic: { summary: 'With an HTTP Basic header', value: request } }),
            ...(methods.includes('client_secret_post') && { client_secret_post: { summary: 'With the credentials in the body', value: { ...request, ...credentials } } })
          }
        }
      }
    },
    responses: {
      200: {
        description: 'An access token.',
        headers: { 'Cache-Control': { description: 'Always no-store.', schema: { type: 'string' } } },
        content: {
          [JSON_TYPE]: {
            schema: { $ref: `${SCHEMA}OAuth2TokenResponse` },
            example: { access_token: 'eyJhbGciOi...', token_type: flow.tokenType, expires_in: flow.getAccessTokenLifetime(), ...(scope !== '' && { scope }) }
          }
        }
      },
      400: errorResponse('The request is malformed, or asks for what the client may not have.', {
        invalid_request: { error: 'invalid_request', error_description: 'The parameter grant_type is missing' },
        unsupported_grant_type: { error: 'unsupported_grant_type', error_description: 'The grant type must be client_credentials' },
        unauthorized_client: { error: 'unauthorized_client', error_description: 'The client may not use this grant type' },
        invalid_scope: { error: 'invalid_scope', error_description: 'The requested scope is invalid' }
      }),
      401: {
        ...errorResponse('Client authentication failed.', {
          invalid_client: { error: 'invalid_client', error_description: 'Client authentication failed' }
        }),
        headers: challengeHeader
      },
      500: errorResponse('The server failed.', {
        server_error: { error: 'server_error', error_description: 'The server failed to handle the request' }
      })
    }
  }
}
