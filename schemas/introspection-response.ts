/** An introspection response (RFC 7662 §2.2). */
export const introspectionResponseSchema = {
  title: 'OAuth2IntrospectionResponse',
  description: 'What a token says, when it is valid and the caller may know (RFC 7662 section 2.2).',
  type: 'object',
  required: ['active'],
  properties: {
    active: { type: 'boolean', description: 'Whether the token is valid. If not, there is no other member.' },
    iss: { type: 'string', description: 'Who issued the token.' },
    aud: {
      anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
      description: 'The resource servers that the token is for.'
    },
    sub: { type: 'string', description: 'The client.' },
    client_id: { type: 'string', description: 'The client.' },
    scope: { type: 'string', description: 'The scopes of the token, separated by single spaces.' },
    iat: { type: 'number', description: 'When the token was issued, in seconds since 1970.' },
    exp: { type: 'number', description: 'When the token expires, in seconds since 1970.' },
    jti: { type: 'string', description: 'The id of the token.' },
    token_type: { type: 'string', description: 'How the token is presented.' },
    cnf: { type: 'object', additionalProperties: { type: 'string' }, description: 'What the token is bound to (RFC 7800).' }
  }
} as const
