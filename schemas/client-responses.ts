import { clientMetadataProperties } from './client-metadata.ts'

const time = { type: 'integer' } as const
const issuedSecret = {
  client_secret: { type: 'string', description: 'The secret. It is shown this once.' },
  client_secret_expires_at: { ...time, description: 'When the secret expires, in seconds since 1970; 0 for never.' }
} as const

/** A registered client (RFC 7591 §3.2.1), as the admin API returns it. */
export const clientInformationSchema = {
  title: 'OAuth2ClientInformation',
  description: 'A registered client (RFC 7591 section 3.2.1).',
  type: 'object',
  required: ['client_id', 'client_id_issued_at', 'grant_types', 'disabled', 'updated_at', 'secrets'],
  properties: {
    client_id: { type: 'string', description: 'The id of the client.' },
    client_id_issued_at: { ...time, description: 'When it was registered, in seconds since 1970.' },
    ...issuedSecret,
    ...clientMetadataProperties,
    disabled: { type: 'boolean', description: 'Whether it gets no tokens until it is enabled.' },
    updated_at: { ...time, description: 'When it was changed last, in seconds since 1970.' },
    secrets: {
      type: 'array',
      description: 'What may be known of its secrets.',
      items: {
        type: 'object',
        required: ['secret_id', 'created_at', 'expires_at', 'imported'],
        properties: {
          secret_id: { type: 'string', description: 'Names the secret; no secret itself.' },
          created_at: { ...time, description: 'In seconds since 1970.' },
          expires_at: { ...time, description: 'In seconds since 1970; 0 for never.' },
          last_used_at: { ...time, description: 'In seconds since 1970, a minute late or so. Left out: never.' },
          imported: { type: 'boolean', description: 'Whether it was made elsewhere.' }
        }
      }
    }
  }
} as const

/** A page of the list of clients. */
export const clientListSchema = {
  title: 'OAuth2ClientList',
  description: 'A page of the list of clients, in the order of their ids.',
  type: 'object',
  required: ['clients'],
  properties: {
    clients: { type: 'array', items: clientInformationSchema },
    next: { type: 'string', description: 'Where the next page begins: the value of its parameter after. Left out on the last page.' }
  }
} as const

/** A newly issued client secret. */
export const clientSecretSchema = {
  title: 'OAuth2ClientSecret',
  description: 'A secret that was just made.',
  type: 'object',
  required: ['client_id', 'secret_id', 'client_secret', 'client_secret_expires_at'],
  properties: {
    client_id: { type: 'string', description: 'Whose secret it is.' },
    secret_id: { type: 'string', description: 'Names the secret; no secret itself.' },
    ...issuedSecret
  }
} as const
