/** A signing key of access tokens, as the admin API returns it. */
export const signingKeySchema = {
  title: 'OAuth2SigningKey',
  description: 'A key that signs access tokens.',
  type: 'object',
  required: ['kid', 'alg', 'state', 'created_at', 'active_from', 'sealed'],
  properties: {
    kid: { type: 'string', description: 'The id of the key, as in the header of tokens.' },
    alg: { type: 'string', description: 'The algorithm that it signs with.' },
    state: { type: 'string', enum: ['next', 'current', 'retired'], description: 'Announced, signing, or kept for tokens that it has signed.' },
    created_at: { type: 'integer', description: 'In seconds since 1970.' },
    active_from: { type: 'integer', description: 'When it begins, or began, to sign, in seconds since 1970.' },
    sealed: { type: 'boolean', description: 'Whether it is encrypted in the store.' }
  }
} as const

/** All signing keys of a server. */
export const signingKeyListSchema = {
  title: 'OAuth2SigningKeyList',
  description: 'The signing keys, in the order in which they sign.',
  type: 'object',
  required: ['keys'],
  properties: { keys: { type: 'array', items: signingKeySchema } }
} as const
