import { revocationOfClient, UNTIL_DISABLED } from '../access-token/client-revocation.ts'
import type { ClientRegistry, RegisteredClient } from '../clients/client-registry.ts'
import type { Command, CommandStore, Invocation, Option } from './command.ts'
import { UsageError } from './failure.ts'
import { note } from './output.ts'
import { found, withRegistry } from './registry.ts'
import { secondsOf } from './values.ts'

// Seconds: those of the servers where nothing is set, and beyond the difference of clocks that any of them takes.
const MAX_TOKEN_LIFETIME = 86_400
const CLOCK_TOLERANCE = 300

const REVOCATION_OPTIONS: Readonly<Record<string, Option>> = {
  'revoke-tokens': { type: 'boolean', description: 'makes the access tokens that it has invalid, within a second' },
  'max-token-lifetime': { type: 'string', placeholder: 'TIME', description: 'with --revoke-tokens: how long tokens live at most (default 24h, as in servers that set nothing else)' }
}
const REVOCATION = 'Access tokens that it has stay valid until they expire, unless you say --revoke-tokens. Your servers must keep revocations in this store.'

/** The commands for whether clients get access tokens, and keep those that they have. */
export const CLIENT_STATE_COMMANDS: readonly Command[] = [
  {
    name: 'client disable',
    operands: ['ID'],
    summary: 'Lets a client get no more tokens, until it is enabled',
    details: [REVOCATION],
    options: REVOCATION_OPTIONS,
    examples: ['client disable billing', 'client disable billing --revoke-tokens'],
    run: async (invocation) => await withClient(invocation, async (id, registry, revoke) => {
      report(invocation, found(await registry.disable(id), id))
      await revoke()
    })
  },
  {
    name: 'client enable',
    operands: ['ID'],
    summary: 'Lets a client get tokens again',
    options: {},
    examples: ['client enable billing'],
    run: async (invocation) => await withClient(invocation, async (id, registry) => {
      report(invocation, found(await registry.enable(id), id))
    })
  },
  {
    name: 'client remove',
    operands: ['ID'],
    summary: 'Removes a client for ever, with its secrets',
    details: [REVOCATION],
    options: REVOCATION_OPTIONS,
    examples: ['client remove billing', 'client remove billing --revoke-tokens'],
    run: async (invocation) => await withClient(invocation, async (id, registry, revoke) => {
      // Disabled first: what fails halfway finds the client when it is tried again.
      found(await registry.disable(id), id)
      await revoke()
      found(await registry.remove(id), id)
      note(invocation.io, `Client ${id} is removed`)
    })
  }
]

async function withClient (invocation: Invocation, work: (id: string, registry: ClientRegistry, revoke: () => Promise<void>) => Promise<void>): Promise<void> {
  const [id = ''] = invocation.operands
  const keepFor = readKeepFor(invocation)
  await withRegistry(invocation, async (registry, store) => await work(id, registry, async () => await revokeTokens(invocation, store, id, keepFor)))
}

// Undefined where no tokens are to be revoked.
function readKeepFor ({ values }: Invocation): number | undefined {
  const lifetime = secondsOf(values, 'max-token-lifetime')
  if (lifetime !== undefined && !values['revoke-tokens']) throw new UsageError('--max-token-lifetime goes with --revoke-tokens')
  return values['revoke-tokens'] ? (lifetime ?? MAX_TOKEN_LIFETIME) + CLOCK_TOLERANCE : undefined
}

async function revokeTokens ({ io }: Invocation, store: CommandStore, id: string, keepFor: number | undefined): Promise<void> {
  if (keepFor === undefined) return
  await store.addRevocation(revocationOfClient(id, { now: io.now(), ahead: UNTIL_DISABLED, keepFor }))
  note(io, `Access tokens of ${id} are revoked`)
}

function report ({ io }: Invocation, { id, isDisabled }: RegisteredClient): void {
  note(io, `Client ${id} is ${isDisabled ? 'disabled' : 'enabled'}`)
}
