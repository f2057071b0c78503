/** The audit record of a change by an administrator. */
export const auditRecordSchema = {
  title: 'OAuth2AuditRecord',
  description: 'A change that an administrator has made.',
  type: 'object',
  required: ['time', 'actor', 'object', 'id', 'change'],
  properties: {
    time: { type: 'integer', description: 'When it was made, in seconds since 1970.' },
    actor: {
      type: 'object',
      description: 'Who has made it.',
      required: ['kind', 'id'],
      properties: {
        kind: { type: 'string', enum: ['client', 'user'], description: 'A client with an admin token, or a user of the command line.' },
        id: { type: 'string', description: 'The client_id, or the user of the operating system.' },
        host: { type: 'string', description: 'The host of the user.' }
      }
    },
    request_id: { type: 'string', description: 'The id of the HTTP request, as in the log. Left out for the command line.' },
    object: { type: 'string', description: 'What was changed: client, secret, key, tokens or settings.' },
    id: { type: 'string', description: 'The client_id, the kid, or the client_id and the id of the secret with a space between.' },
    change: { type: 'string', description: 'What was done: added, updated, disabled, enabled, removed, revoked and others.' },
    details: { type: 'object', additionalProperties: true, description: 'Further members, such as the names of what was changed.' }
  }
} as const

/** A page of the audit records. */
export const auditListSchema = {
  title: 'OAuth2AuditList',
  description: 'A page of the changes that administrators have made, the newest first.',
  type: 'object',
  required: ['records'],
  properties: {
    records: { type: 'array', items: auditRecordSchema },
    next: { type: 'integer', description: 'Where the next page begins: the value of its parameter before. Left out on the last page.' }
  }
} as const
