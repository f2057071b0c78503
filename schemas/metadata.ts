/** Metadata of an authorization server (RFC 8414 §2). */
export const serverMetadataSchema = {
  title: 'OAuth2ServerMetadata',
  description: 'What the authorization server offers, and where (RFC 8414 section 2).',
  type: 'object',
  required: ['issuer', 'token_endpoint', 'response_types_supported'],
  properties: {
    issuer: { type: 'string', format: 'uri' },
    token_endpoint: { type: 'string', format: 'uri' },
    jwks_uri: { type: 'string', format: 'uri' },
    scopes_supported: { type: 'array', items: { type: 'string' } },
    response_types_supported: { type: 'array', items: { type: 'string' } },
    grant_types_supported: { type: 'array', items: { type: 'string' } },
    token_endpoint_auth_methods_supported: { type: 'array', items: { type: 'string' } }
  },
  additionalProperties: true
} as const

/** Metadata of a protected resource (RFC 9728 §2). */
export const resourceMetadataSchema = {
  title: 'OAuth2ResourceMetadata',
  description: 'Which authorization servers issue tokens for this API (RFC 9728 section 2).',
  type: 'object',
  required: ['resource'],
  properties: {
    resource: { type: 'string', format: 'uri' },
    authorization_servers: { type: 'array', items: { type: 'string', format: 'uri' } },
    scopes_supported: { type: 'array', items: { type: 'string' } },
    bearer_methods_supported: { type: 'array', items: { type: 'string' } }
  },
  additionalProperties: true
} as const
