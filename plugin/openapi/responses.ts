/** The JSON pointer prefix of this plugin's schemas in a document. */
export const SCHEMA = '#/components/schemas/'
const RESPONSE = '#/components/responses/'
const JSON_TYPE = 'application/json'

/** Returns JSON content with a schema of this plugin. */
export const jsonContent = (schema: string, more: object = {}) => ({ [JSON_TYPE]: { schema: { $ref: `${SCHEMA}${schema}` }, ...more } })

/** Returns a response whose body is an OAuth error. */
export const errorResponse = (description: string, examples: Record<string, { error: string, error_description: string }>) => ({
  description,
  content: {
    [JSON_TYPE]: {
      schema: { $ref: `${SCHEMA}OAuth2Error` },
      examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }]))
    }
  }
})

// Every 401 has this header field.
const challengeHeader = {
  'WWW-Authenticate': { description: 'The challenge (RFC 9110 section 11.6.1).', schema: { type: 'string' } }
}

/** The header field of a cacheable document. */
export const CACHED = { 'Cache-Control': { description: 'For how many seconds it may be kept.', schema: { type: 'string' } } }

/** The header field of every response that must not be cached. */
export const UNCACHED = { 'Cache-Control': { description: 'Always no-store.', schema: { type: 'string' } } }

/** The response to a client that fails to authenticate. */
export const refusedClient = {
  ...errorResponse('Client authentication failed.', {
    invalid_client: { error: 'invalid_client', error_description: 'Client authentication failed' }
  }),
  headers: challengeHeader
}

/** The response after a callback or a store has failed. */
export const serverFailed = errorResponse('The server failed.', {
  server_error: { error: 'server_error', error_description: 'The server failed to handle the request' }
})

/** The response to a body above the size limit. */
export const tooLarge = errorResponse('The body is larger than 64 KiB.', {
  invalid_request: { error: 'invalid_request', error_description: 'The request body is too large' }
})

const RETRY_LATER = { 'Retry-After': { description: 'Seconds after which to try again.', schema: { type: 'integer' } } }

/** The response to a client with too many failures, or above a rate limit of the application. */
export const tooMany = {
  ...errorResponse('Authentication failed too often, or the application limits requests.', {
    temporarily_unavailable: { error: 'temporarily_unavailable', error_description: 'The server cannot handle the request now' }
  }),
  headers: RETRY_LATER
}

/** The response of an application that limits requests, in a format of its own. */
export const limited = { description: 'Too many requests, where the application limits them.' }

/** The response while a store is unavailable. */
export const unavailable = {
  ...errorResponse('What the server needs is away for now.', {
    temporarily_unavailable: { error: 'temporarily_unavailable', error_description: 'The server cannot handle the request now' }
  }),
  headers: RETRY_LATER
}

/** The responses of guarded routes, to which operations refer. */
export const guardResponses = {
  OAuth2BadRequest: {
    ...errorResponse('The access token is malformed, or sent in more than one way (RFC 6750 section 3.1).', {
      invalid_request: { error: 'invalid_request', error_description: 'The access token is sent in more than one way' }
    }),
    headers: challengeHeader
  },
  OAuth2Unauthorized: {
    ...errorResponse('No access token, or none that is valid (RFC 6750 section 3.1).', {
      unauthorized: { error: 'unauthorized', error_description: 'An access token is required' },
      invalid_token: { error: 'invalid_token', error_description: 'The access token is invalid' }
    }),
    headers: challengeHeader
  },
  OAuth2Forbidden: {
    ...errorResponse('The access token lacks a scope (RFC 6750 section 3.1).', {
      insufficient_scope: { error: 'insufficient_scope', error_description: 'The access token lacks a scope' }
    }),
    headers: challengeHeader
  },
  OAuth2Unavailable: unavailable
} as const

export const BAD_REQUEST = { $ref: `${RESPONSE}OAuth2BadRequest` }
export const UNAVAILABLE = { $ref: `${RESPONSE}OAuth2Unavailable` }
export const UNAUTHORIZED = { $ref: `${RESPONSE}OAuth2Unauthorized` }
export const FORBIDDEN = { $ref: `${RESPONSE}OAuth2Forbidden` }
