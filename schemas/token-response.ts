/** A successful response of the token endpoint (RFC 6749 §5.1). */
export const tokenResponseSchema = {
  title: 'OAuth2TokenResponse',
  description: 'An access token (RFC 6749 section 5.1).',
  type: 'object',
  required: ['access_token', 'token_type', 'expires_in'],
  properties: {
    access_token: {
      type: 'string',
      description: 'The access token. Send it as it is in the Authorization header.'
    },
    token_type: {
      type: 'string',
      description: 'How to present the token: the scheme of the Authorization header.'
    },
    expires_in: {
      type: 'integer',
      description: 'The lifetime of the token in seconds.'
    },
    scope: {
      type: 'string',
      description: 'The scopes of the token, separated by single spaces. Left out when it has none.'
    }
  }
} as const
