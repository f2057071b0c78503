import {
  introspectionResponseSchema, jwksSchema, presentedTokenRequestSchema, resourceMetadataSchema, serverMetadataSchema
} from '../../schemas/index.ts'
import { AT_ROOT, canSignIntrospection, INTROSPECTION_JWT_MEDIA_TYPE, settingsOf } from '../../src/adapter.ts'
import type { ServedPaths } from '../../src/adapter.ts'
import type { ClientCredentialsFlow } from '../../src/index.ts'
import { OAUTH_TAG, operationMark } from './marks.ts'
import type { OperationName } from './marks.ts'
import { operationIdOf } from './operation-ids.ts'
import { CACHED, errorResponse, jsonContent, limited, refusedClient, SCHEMA, serverFailed, tooLarge, tooMany, unavailable, UNCACHED } from './responses.ts'
import { tokenOperation } from './token-operation.ts'

/** An operation of this plugin, with its path and method. */
export interface OperationDescription {
  mark: string
  method: 'get' | 'post'
  /** The full path, including the prefix of the encapsulation context. */
  path: string
  operation: object
  /** The schemas that the operation refers to in `components.schemas`. */
  schemas: Readonly<Record<string, object>>
}

/** Describes the served endpoints of a flow, below the prefix of their encapsulation context. */
export function describeOperations (flow: ClientCredentialsFlow, paths: ServedPaths, prefix: string): OperationDescription[] {
  // The response is the same document as that of serverMetadata.
  const { openIdConfiguration, ...described } = paths
  const entries = Object.entries(described) as [OperationName, string | undefined][]
  return entries.filter(([, path]) => path !== undefined).map(([name, path]) => ({
    mark: operationMark(flow, name),
    path: AT_ROOT.has(name) ? path! : `${prefix}${path}`,
    ...withId(operationIdOf(flow, OPERATION_IDS[name]), OPERATIONS[name](flow))
  }))
}

const OPERATION_IDS: Readonly<Record<OperationName, string>> = {
  token: 'requestAccessToken',
  introspection: 'introspectAccessToken',
  revocation: 'revokeAccessToken',
  jwks: 'readJsonWebKeySet',
  serverMetadata: 'readServerMetadata',
  resourceMetadata: 'readResourceMetadata'
}

function withId (operationId: string, described: ReturnType<Describe>): ReturnType<Describe> {
  return { ...described, operation: { operationId, ...described.operation } }
}

type Describe = (flow: ClientCredentialsFlow) => Omit<OperationDescription, 'mark' | 'path'>

const OPERATIONS: Readonly<Record<OperationName, Describe>> = {
  token: (flow) => ({ method: 'post', operation: tokenOperation(flow), schemas: {} }),
  introspection: (flow) => ({
    method: 'post',
    operation: aboutToken('Introspect an access token', 'Tells whether a token is valid, and what it says (RFC 7662). The caller learns of its own tokens, and of those for the audiences that it is registered to introspect.', {
      description: 'Whether the token is valid.',
      headers: UNCACHED,
      content: {
        ...jsonContent('OAuth2IntrospectionResponse', {
          examples: { active: { value: { active: true, client_id: 'my-service', scope: 'data:read' } }, inactive: { value: { active: false } } }
        }),
        ...(canSignIntrospection(settingsOf(flow).accessTokens) && { [INTROSPECTION_JWT_MEDIA_TYPE]: { schema: { type: 'string' } } })
      }
    }),
    schemas: { OAuth2IntrospectionResponse: introspectionResponseSchema, OAuth2PresentedTokenRequest: presentedTokenRequestSchema }
  }),
  revocation: () => ({
    method: 'post',
    operation: aboutToken('Revoke an access token', 'Makes a token of the client that asks invalid (RFC 7009).', {
      description: 'The token is invalid, or was before.',
      headers: UNCACHED,
      content: { 'application/json': { schema: { type: 'object' }, example: {} } }
    }),
    schemas: { OAuth2PresentedTokenRequest: presentedTokenRequestSchema }
  }),
  jwks: () => document('The public keys of access tokens', 'OAuth2JsonWebKeySet', jwksSchema),
  serverMetadata: () => document('The metadata of the authorization server', 'OAuth2ServerMetadata', serverMetadataSchema),
  resourceMetadata: () => document('The metadata of this protected resource', 'OAuth2ResourceMetadata', resourceMetadataSchema)
}

function aboutToken (summary: string, description: string, success: object): object {
  return {
    tags: [OAUTH_TAG],
    summary,
    description,
    // Clients authenticate by the request itself, not by an access token.
    security: [],
    requestBody: {
      required: true,
      content: { 'application/x-www-form-urlencoded': { schema: { $ref: `${SCHEMA}OAuth2PresentedTokenRequest` }, example: { token: 'eyJhbGciOi...' } } }
    },
    responses: {
      200: success,
      400: errorResponse('The request is malformed.', {
        invalid_request: { error: 'invalid_request', error_description: 'The parameter token is missing' }
      }),
      401: refusedClient,
      413: tooLarge,
      429: tooMany,
      500: serverFailed,
      503: unavailable
    }
  }
}

function document (summary: string, name: string, schema: { description: string }): ReturnType<Describe> {
  return {
    method: 'get',
    operation: {
      tags: [OAUTH_TAG],
      summary,
      description: schema.description,
      security: [],
      responses: {
        200: { description: schema.description, headers: CACHED, content: jsonContent(name) },
        429: limited,
        500: serverFailed,
        503: unavailable
      }
    },
    schemas: { [name]: schema }
  }
}
