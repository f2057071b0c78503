/**
 * The form body of a client credentials token request (RFC 6749 §4.4.2).
 *
 * A repeated parameter becomes an array, which no member accepts: RFC 6749 §3.2 forbids it. Only `resource` may be repeated
 * (RFC 8707 §2). Unknown parameters are ignored, as §3.2 requires.
 */
export const tokenRequestSchema = {
  title: 'OAuth2TokenRequest',
  description: 'A client credentials token request (RFC 6749 section 4.4.2).',
  type: 'object',
  required: ['grant_type'],
  properties: {
    grant_type: {
      type: 'string',
      description: 'Always client_credentials.'
    },
    scope: {
      type: 'string',
      description: 'The scopes asked for, separated by single spaces. Left out: all scopes of the client.'
    },
    client_id: {
      type: 'string',
      description: 'The client, when it does not authenticate by HTTP Basic.'
    },
    client_secret: {
      type: 'string',
      format: 'password',
      description: 'The secret of the client, when it does not authenticate by HTTP Basic.'
    },
    resource: {
      anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
      description: 'The resource server the token is for (RFC 8707).'
    }
  }
} as const
