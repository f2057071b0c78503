/** A JSON Web Key Set of public keys (RFC 7517 §5). */
export const jwksSchema = {
  title: 'OAuth2JsonWebKeySet',
  description: 'The public keys that access tokens are verified with (RFC 7517 section 5).',
  type: 'object',
  required: ['keys'],
  properties: {
    keys: {
      type: 'array',
      items: {
        type: 'object',
        required: ['kty', 'kid', 'alg'],
        properties: { kty: { type: 'string' }, kid: { type: 'string' }, alg: { type: 'string' }, use: { type: 'string' } },
        additionalProperties: true
      }
    }
  }
} as const
