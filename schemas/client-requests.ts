import { clientMetadataProperties } from './client-metadata.ts'

const lifetime = { type: 'integer', minimum: 1 } as const

// Unknown members are rejected, although RFC 7591 §2 ignores them: "audience" instead of "audiences" would allow all of them.

/** The metadata of a new client (RFC 7591 §2). */
export const clientRegistrationSchema = {
  title: 'OAuth2ClientRegistration',
  description: 'A client to be registered (RFC 7591 section 2).',
  type: 'object',
  properties: {
    client_id: { type: 'string', pattern: '^[!#-\\[\\]-~]{1,255}$', description: 'The id of the client: visible ASCII characters, no quote and no backslash. Left out: one is generated.' },
    client_secret: {
      type: 'string',
      minLength: 1,
      format: 'password',
      description: 'A secret that was made elsewhere. Left out: one is generated, unless the client has keys or a certificate.'
    },
    client_secret_lifetime: { ...lifetime, description: 'Seconds until the secret expires. Left out: never.' },
    ...clientMetadataProperties
  },
  additionalProperties: false
} as const

/** The metadata that replaces a registration (RFC 7592 §2.2). */
export const clientUpdateSchema = {
  title: 'OAuth2ClientUpdate',
  description: 'The whole registration of a client (RFC 7592 section 2.2). What is left out is removed.',
  type: 'object',
  required: ['client_id'],
  properties: {
    client_id: { type: 'string', description: 'The id of the client, as in the path.' },
    ...clientMetadataProperties
  },
  additionalProperties: false
} as const

/** The options of an additional client secret. */
export const clientSecretRequestSchema = {
  title: 'OAuth2ClientSecretRequest',
  description: 'How another secret of a client is to be.',
  type: 'object',
  properties: {
    overlap: { type: 'integer', minimum: 0, description: 'Seconds that the secrets which the client has stay valid; 0 for none. Default 86400.' },
    lifetime: { ...lifetime, description: 'Seconds until the new secret expires. Left out: never.' }
  },
  additionalProperties: false
} as const
