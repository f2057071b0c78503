import { GRANT_TYPE } from '../client-auth/oauth2-client.ts'
import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import { deepFreeze } from '../lib/json.ts'
import type { StoredClient } from '../stores/contracts/index.ts'
import { CLIENT_FIELDS, FIELD_ENTRIES } from './client-fields.ts'
import type { ClientRegistration, FieldName } from './client-fields.ts'
import { toClientMetadata } from './client-metadata.ts'
import { registrationOf } from './validate-registration.ts'

type MemberName = { [Name in FieldName]: (typeof CLIENT_FIELDS)[Name]['reaches'] extends 'client' ? Name : never }[FieldName]
// Fails to compile for a field that OAuth2Client lacks, or has with another type.
type ClientMembers = Pick<ClientRegistration, MemberName> & Pick<OAuth2Client, MemberName>

/** Converts a stored client to the client of the token endpoint. Frozen, since all requests of the client share it. */
export function toOAuth2Client (stored: StoredClient): OAuth2Client {
  const registration = registrationOf(stored)
  const members: ClientMembers & OAuth2Client = { id: stored.id, grants: [GRANT_TYPE], ...membersOf(registration) }
  const metadata = { ...members.metadata, ...toClientMetadata(registration, ({ reaches }, { isHidden = false }) => reaches === 'metadata' && !isHidden) }
  return deepFreeze({
    ...members,
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(stored.generation !== undefined && stored.generation > 0 && { generation: stored.generation })
  })
}

function membersOf (registration: ClientRegistration): ClientMembers {
  const names = FIELD_ENTRIES.filter(([name, { reaches }]) => reaches === 'client' && registration[name] !== undefined).map(([name]) => name)
  return Object.fromEntries(names.map((name) => [name, registration[name]]))
}
