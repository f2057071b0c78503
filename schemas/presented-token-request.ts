/** The form body of an introspection or revocation request (RFC 7662 §2.1, RFC 7009 §2.1). Unknown parameters are ignored. */
export const presentedTokenRequestSchema = {
  title: 'OAuth2PresentedTokenRequest',
  description: 'A request about a token (RFC 7662 section 2.1, RFC 7009 section 2.1).',
  type: 'object',
  required: ['token'],
  properties: {
    token: {
      type: 'string',
      minLength: 1,
      format: 'password',
      description: 'The token that the request is about.'
    },
    token_type_hint: {
      type: 'string',
      description: 'Ignored: there is one kind of token.'
    },
    client_id: {
      type: 'string',
      description: 'The client, when it does not authenticate by HTTP Basic.'
    },
    client_secret: {
      type: 'string',
      format: 'password',
      description: 'The secret of the client, when it does not authenticate by HTTP Basic.'
    }
  }
} as const
