import { CLIENT_FIELDS } from '../src/client-registry/client-fields.ts'

type Fields = typeof CLIENT_FIELDS
type Intersection<Union> = (Union extends unknown ? (value: Union) => void : never) extends (value: infer All) => void ? All : never
type Members = Intersection<Fields[keyof Fields]['members']>
type Properties = { readonly [Name in keyof Members]: Members[Name] extends { readonly schema: infer Schema } ? Schema & { readonly description: string } : never }

const members = Object.values(CLIENT_FIELDS).flatMap((field) => Object.entries(field.members))

/** Client metadata: the members of RFC 7591 §2, RFC 8705 §2.1.2 and §3.4 and RFC 9449 §5.2, and members of this package. */
export const clientMetadataProperties = {
  grant_types: { type: 'array', minItems: 1, items: { type: 'string', enum: ['client_credentials'] }, description: 'Always client_credentials.' } as const,
  ...Object.fromEntries(members.map(([name, { schema, description }]) => [name, { ...schema, description }])) as Properties
}
