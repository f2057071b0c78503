const scope = { type: 'string', pattern: '^(?:[!#-\\[\\]-~]+(?: [!#-\\[\\]-~]+)*)?$' } as const
// At least one character, and no control characters.
const text = { type: 'string', pattern: '^[^\\u0000-\\u001f\\u007f]+$' } as const
const texts = { type: 'array', items: text } as const

/** What can be said of a client: the members of RFC 7591 §2, RFC 8705 §2.1.2 and §3.4 and RFC 9449 §5.2, and ours where those have none. */
export const clientMetadataProperties = {
  client_name: { ...text, description: 'For humans.' },
  scope: { ...scope, description: 'The scopes that the client may have, separated by single spaces. Left out: none.' },
  default_scope: { ...scope, description: 'What it gets when it asks for no scope. Left out: all of its scopes.' },
  audiences: { ...texts, minItems: 1, description: 'The resources that its tokens may be for (RFC 8707). Left out: all of the server.' },
  introspects: { ...texts, description: 'For a resource server: the audiences whose tokens it may introspect (RFC 7662 section 4).' },
  access_token_lifetime: { type: 'integer', minimum: 1, description: 'Seconds that its access tokens live. Left out: as long as those of the server.' },
  grant_types: { type: 'array', minItems: 1, items: { type: 'string', enum: ['client_credentials'] }, description: 'Always client_credentials.' },
  token_endpoint_auth_method: { ...text, description: 'The only way in which it may authenticate. Left out: all that it has secrets or keys for.' },
  token_endpoint_auth_methods: { ...texts, minItems: 1, description: 'In place of token_endpoint_auth_method: the several ways in which it may authenticate.' },
  jwks: {
    type: 'object',
    required: ['keys'],
    properties: { keys: { type: 'array', items: { type: 'object', required: ['kty'], properties: { kty: { type: 'string' } }, additionalProperties: true } } },
    additionalProperties: false,
    description: 'Its public keys (RFC 7517 section 5).'
  },
  jwks_uri: { type: 'string', format: 'uri', description: 'Where its public keys are.' },
  tls_client_auth_subject_dn: { ...text, description: 'The subject of its certificate (RFC 8705 section 2.1.2). One of the five tls_client_auth members at most.' },
  tls_client_auth_san_dns: { ...text, description: 'A DNS name in its certificate.' },
  tls_client_auth_san_uri: { ...text, description: 'A URI in its certificate.' },
  tls_client_auth_san_ip: { ...text, description: 'An IP address in its certificate.' },
  tls_client_auth_san_email: { ...text, description: 'An e-mail address in its certificate.' },
  dpop_bound_access_tokens: { type: 'boolean', description: 'Whether its tokens must be bound by DPoP (RFC 9449 section 5.2). Default false.' },
  tls_client_certificate_bound_access_tokens: { type: 'boolean', description: 'Whether its tokens must be bound to its certificate (RFC 8705 section 3.4). Default false.' }
} as const
