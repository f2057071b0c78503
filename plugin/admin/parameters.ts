const text = { type: 'string', minLength: 1 } as const

/** Path parameters that identify a client. */
export const clientParameters = {
  type: 'object',
  required: ['client_id'],
  properties: { client_id: { ...text, description: 'The id of the client.' } }
} as const

/** Path parameters that identify a secret of a client. */
export const secretParameters = {
  type: 'object',
  required: ['client_id', 'secret_id'],
  properties: { ...clientParameters.properties, secret_id: { ...text, description: 'Names the secret; no secret itself.' } }
} as const

/** Path parameters that identify a signing key. */
export const keyParameters = {
  type: 'object',
  required: ['kid'],
  properties: { kid: { ...text, description: 'The id of the key.' } }
} as const

/** Query parameters that select a page of the audit records. */
export const auditPageParameters = {
  type: 'object',
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 1000, description: 'How many at most. Default 100.' },
    before: { type: 'integer', minimum: 1, description: 'The next of the page before. Default the end.' }
  }
} as const

/** Query parameters that select a page of the client list. */
export const pageParameters = {
  type: 'object',
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 1000, description: 'How many at most. Default 100.' },
    after: { ...text, description: 'The next of the page before. Default the beginning.' }
  }
} as const
