import type { ClientRegistry } from '../../index.ts'
import type { AuditOrigin } from '../../stores/contracts/index.ts'
import { TOKEN_BOUNDS } from '../bounds.ts'
import type { Command, Invocation, Option } from '../command.ts'
import { originOf } from '../origin.ts'
import { note } from '../output.ts'
import { DISABLE_PROPAGATION_SECONDS, withCutOffs } from '../release-010.ts'
import type { CutOffs } from '../release-010.ts'
import { REVOCATIONS_OPTION } from '../revocation-stores.ts'
import { orThrowNotFound, withRegistry } from './with-registry.ts'

type Work = (id: string, parts: { registry: ClientRegistry, cutOffs: CutOffs | undefined, by: AuditOrigin }) => Promise<void>

const DISABLING_OPTIONS: Readonly<Record<string, Option>> = {
  'revoke-tokens': { type: 'boolean', description: 'no longer needed: the access tokens are always revoked' },
  revocations: REVOCATIONS_OPTION
}
const REVOKED = 'The access tokens that it has are revoked, permanently: enabling the client again makes none of them valid.'

/** The commands that enable and disable clients, and revoke their access tokens. */
export const CLIENT_STATE_COMMANDS: readonly Command[] = [
  {
    name: 'client disable',
    operands: ['ID'],
    summary: 'Disables a client until it is enabled, and revokes its access tokens',
    details: [REVOKED, ...TOKEN_BOUNDS],
    options: DISABLING_OPTIONS,
    examples: ['client disable billing'],
    run: async (invocation) => await withClient(invocation, async (id, { registry, cutOffs, by }) => {
      orThrowNotFound(await registry.disable(id, { by }), id)
      await cutOffs?.add(id, DISABLE_PROPAGATION_SECONDS)
      report(invocation, `Client ${id} is disabled, and its access tokens are revoked`)
    })
  },
  {
    name: 'client enable',
    operands: ['ID'],
    summary: 'Enables a client: it gets access tokens again',
    options: {},
    examples: ['client enable billing'],
    run: async (invocation) => await withRegistry(invocation, async (registry) => {
      const [id = ''] = invocation.operands
      orThrowNotFound(await registry.enable(id, { by: originOf(invocation) }), id)
      note(invocation.io, `Client ${id} is enabled`)
    })
  },
  {
    name: 'client remove',
    operands: ['ID'],
    summary: 'Removes a client permanently, with its secrets, and revokes its access tokens',
    details: TOKEN_BOUNDS,
    options: DISABLING_OPTIONS,
    examples: ['client remove billing'],
    advice: 'Run the same command again, which is safe: where there is no such client, it was removed',
    run: async (invocation) => await withClient(invocation, async (id, { registry, cutOffs, by }) => {
      if (cutOffs !== undefined) {
        // Remove the client last, so that a command that fails earlier can be run again.
        orThrowNotFound(await registry.disable(id, { by }), id)
        await cutOffs.add(id, DISABLE_PROPAGATION_SECONDS)
      }
      orThrowNotFound(await registry.remove(id, { by }), id)
      report(invocation, `Client ${id} is removed, and its access tokens are revoked`)
    })
  },
  {
    name: 'client revoke-tokens',
    operands: ['ID'],
    summary: 'Revokes all access tokens of a client, which may get others',
    details: ['For a token or a secret that has leaked. Rotate or revoke the secret first, or it gets another token.', ...TOKEN_BOUNDS],
    options: { revocations: REVOCATIONS_OPTION },
    examples: ['client revoke-tokens billing'],
    run: async (invocation) => await withClient(invocation, async (id, { registry, cutOffs, by }) => {
      orThrowNotFound(await registry.revokeTokens(id, { by }), id)
      await cutOffs?.add(id)
      report(invocation, `The access tokens of client ${id} are revoked`)
    })
  }
]

async function withClient (invocation: Invocation, work: Work): Promise<void> {
  const [id = ''] = invocation.operands
  await withCutOffs(invocation, async (registry, cutOffs) => { await work(id, { registry, cutOffs, by: originOf(invocation) }) })
}

function report ({ io }: Invocation, text: string): void {
  note(io, [text, ...TOKEN_BOUNDS].join('\n'))
}
