import { TOKEN_BOUNDS } from '../bounds.ts'
import type { Command } from '../command.ts'
import { originOf } from '../origin.ts'
import { note } from '../output.ts'
import { withCutOffs } from '../release-010.ts'
import { REVOCATIONS_OPTION } from '../revocation-stores.ts'
import { allClients } from './with-registry.ts'

/** Revokes the access tokens of all clients. */
export const REVOKE_ALL_COMMAND: Command = {
  name: 'tokens revoke-all',
  operands: [],
  summary: 'Revokes all access tokens of all clients, which may get others',
  details: [
    'For an incident that may concern every client, such as a copied database. It is one change, however many clients there are; during an upgrade from 0.1.0 it is one for each.',
    ...TOKEN_BOUNDS
  ],
  options: { revocations: REVOCATIONS_OPTION },
  examples: ['tokens revoke-all'],
  run: async (invocation) => await withCutOffs(invocation, async (registry, cutOffs) => {
    await registry.revokeAllTokens({ by: originOf(invocation) })
    if (cutOffs !== undefined) for await (const { id } of allClients(registry)) await cutOffs.add(id)
    note(invocation.io, ['The access tokens of all clients are revoked', ...TOKEN_BOUNDS].join('\n'))
  })
}
