/** The body of every error response: RFC 6749 §5.2 at the token endpoint, and the same two members at guarded routes. */
export const oauthErrorSchema = {
  title: 'OAuth2Error',
  description: 'An OAuth 2.0 error (RFC 6749 section 5.2, RFC 6750 section 3.1).',
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'string',
      description: 'The error code, for the program to act on.'
    },
    error_description: {
      type: 'string',
      description: 'One sentence for the developer who reads it.'
    }
  }
} as const
