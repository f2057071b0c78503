import type { ClientCredentialsFlow } from '../../src/index.ts'
import { OAUTH_TAG } from './marks.ts'
import { errorResponse, jsonContent, refusedClient, SCHEMA, serverFailed, tooLarge, tooMany, unavailable, UNCACHED } from './responses.ts'

/** Returns the OpenAPI operation of the token route of a flow. */
export function tokenOperation (flow: ClientCredentialsFlow): object {
  const methods = flow.getTokenEndpointAuthMethods()
  const scope = Object.keys(flow.getScopes()).join(' ')
  const request = { grant_type: 'client_credentials', ...(scope !== '' && { scope }) }
  const credentials = { client_id: 'my-service', client_secret: 'its-secret' }
  return {
    tags: [OAUTH_TAG],
    summary: 'Get an access token',
    description: `The client credentials grant (RFC 6749 section 4.4). Clients authenticate by ${methods.join(' or ')}.`,
    // Clients authenticate by the request itself, not by an access token.
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
        headers: UNCACHED,
        content: jsonContent('OAuth2TokenResponse', {
          example: { access_token: 'eyJhbGciOi...', token_type: flow.tokenType, expires_in: flow.getAccessTokenLifetime(), ...(scope !== '' && { scope }) }
        })
      },
      400: errorResponse('The request is malformed, or asks for what the client may not have.', {
        invalid_request: { error: 'invalid_request', error_description: 'The parameter grant_type is missing' },
        unsupported_grant_type: { error: 'unsupported_grant_type', error_description: 'The grant type must be client_credentials' },
        unauthorized_client: { error: 'unauthorized_client', error_description: 'The client may not use this grant type' },
        invalid_scope: { error: 'invalid_scope', error_description: 'The client may not have the scope data:delete' }
      }),
      401: refusedClient,
      413: tooLarge,
      429: tooMany,
      500: serverFailed,
      503: unavailable
    }
  }
}
