import type { ClientChanges, ClientRegistration } from '../../adapter.ts'
import type { ClientRegistry, RegisteredClient } from '../../index.ts'
import { checkNewClient, withKnownMethods } from '../../adapter.ts'
import { secretBounds } from '../bounds.ts'
import type { Command, CommandStore, Invocation } from '../command.ts'
import { noteUnchecked, readDeclared, undeclaredScope } from '../declared.ts'
import type { Declared } from '../declared.ts'
import { CommandError, UsageError } from '../errors.ts'
import { readStdin } from '../io.ts'
import { originOf } from '../origin.ts'
import { alignColumns, isoTime, note, print } from '../output.ts'
import { secondsOf } from '../values.ts'
import { readRegistration, REGISTRATION_OPTIONS } from './client-options.ts'
import { clientToJson, printClient, printSecret } from './client-output.ts'
import { allClients, orThrowNotFound, withRegistry } from './with-registry.ts'

const PEPPERS = 'Where your servers have peppers, set OAUTH_PEPPERS to the same ones, separated by commas.'

/** The commands that register, change, show and list clients. */
export const CLIENT_COMMANDS: readonly Command[] = [
  {
    name: 'client add',
    operands: ['[ID]'],
    summary: 'Adds a client and prints its secret, once',
    details: ['Without ID, an id is generated. A client with keys or a certificate gets no secret. A SQLite file that does not exist is created.', PEPPERS],
    options: {
      ...REGISTRATION_OPTIONS,
      'secret-lifetime': { type: 'string', placeholder: 'TIME', description: 'how long its secret is valid: 90d (default unlimited)' },
      'secret-stdin': { type: 'boolean', description: 'reads a secret that was generated elsewhere from the standard input' },
      'no-secret': { type: 'boolean', description: 'generates no secret' }
    },
    examples: [
      'client add billing --scope "data:read data:write"',
      'client add --name "Partner 7" --scope data:read --json | jq -r .secret.secret',
      'client add legacy --scope data:read --secret-stdin < legacy-secret.txt',
      'client add partner --scope data:read --jwks-uri https://partner.example.com/jwks.json'
    ],
    advice: 'List the clients: client list. Where it was added, its secret is lost: client rotate ID. Where it was not, run the same command again',
    run: addClient
  },
  {
    name: 'client list',
    operands: [],
    summary: 'Lists all clients; with --json one line of JSON each',
    options: {},
    examples: ['client list', 'client list --json | jq -r "select(.isDisabled) | .id"'],
    run: listClients
  },
  {
    name: 'client show',
    operands: ['ID'],
    summary: 'Shows a client and the states of its secrets',
    options: {},
    examples: ['client show billing'],
    run: async (invocation) => await withRegistry(invocation, async (registry) => {
      const [id = ''] = invocation.operands
      await printClient(invocation, orThrowNotFound(await registry.find(id), id))
    })
  },
  {
    name: 'client update',
    operands: ['ID'],
    summary: 'Changes the registration of a client; options that are left out change nothing',
    details: ['An empty value removes a member: --audience "".'],
    options: REGISTRATION_OPTIONS,
    examples: ['client update billing --scope "data:read data:write"', 'client update billing --access-token-lifetime 15m --audience ""'],
    run: async (invocation) => {
      const [id = ''] = invocation.operands
      const changes = await readRegistration(invocation.values, invocation.io)
      if (Object.keys(changes).length === 0) throw new UsageError('There is nothing to change. Add an option, such as --scope')
      await withRegistry(invocation, async (registry, store) => {
        const declared = await checkDeclared({ registry, store }, changes)
        await printClient(invocation, orThrowNotFound(await registry.update(id, changes, { by: originOf(invocation) }), id))
        noteUnchecked(declared, changes.scopes !== undefined, invocation.io)
      })
    }
  },
  {
    name: 'client rotate',
    operands: ['ID'],
    summary: 'Generates another secret for a client and prints it, once',
    details: ['The secrets that it has stay valid for the overlap, in which the client takes the new one.', PEPPERS],
    options: {
      overlap: { type: 'string', placeholder: 'TIME', description: 'how long the secrets that it has stay valid: 0, 12h, 7d (default 24h)' },
      'secret-lifetime': { type: 'string', placeholder: 'TIME', description: 'how long the new secret is valid: 90d (default unlimited)' }
    },
    examples: ['client rotate billing --overlap 7d', 'client rotate billing --overlap 0 --json | jq -r .secret.secret'],
    advice: 'Run the same command again, which is safe: a secret that was generated and not printed is of no use to anybody',
    run: rotateSecret
  },
  {
    name: 'client revoke-secret',
    operands: ['ID', 'SECRET_ID'],
    summary: 'Revokes one secret of a client',
    details: [...secretBounds('ID')],
    options: {},
    examples: ['client show billing', 'client revoke-secret billing s3cr'],
    advice: 'Run the same command again, which is safe: where there is no such secret, it was revoked',
    run: async (invocation) => await withRegistry(invocation, async (registry) => {
      const [id = '', secretId = ''] = invocation.operands
      orThrowNotFound(await registry.find(id), id)
      if (!await registry.revokeSecret(id, secretId, { by: originOf(invocation) })) throw new CommandError(`The client "${id}" has no secret with this id. List its secrets: client show ${id}`)
      note(invocation.io, [`Secret ${secretId} of ${id} is revoked`, ...secretBounds(id)].join('\n'))
    })
  }
]

async function addClient (invocation: Invocation): Promise<void> {
  const { io, values, operands: [id] } = invocation
  if (values['secret-stdin'] && values['no-secret']) throw new UsageError('--secret-stdin and --no-secret exclude each other')
  const registration = await readRegistration(values, io)
  const lifetime = secondsOf(values, 'secret-lifetime')
  const secret = values['no-secret'] ? null : values['secret-stdin'] ? await readStdin(io) : undefined
  if (secret === '') throw new UsageError('The standard input is empty: it must be the secret')
  // Validate before the store is opened, which may create it.
  checkNewClient({ ...withKnownMethods(registration), ...id !== undefined && { id }, ...secret !== undefined && { secret } })
  await withRegistry(invocation, async (registry, store) => {
    const declared = await checkDeclared({ registry, store }, registration)
    if (id !== undefined && await registry.find(id)) throw new CommandError(`There is a client "${id}" already. Change it: client update ${id}`)
    const client = { ...registration as ClientRegistration, ...id !== undefined && { id }, ...lifetime !== undefined && { lifetime }, ...secret !== undefined && { secret } }
    const added = await registry.add(client, { by: originOf(invocation) })
    await printSecret(invocation, added.client.id, added.secret, { client: clientToJson(added.client) })
    noteUnchecked(declared, registration.scopes !== undefined, io)
  }, { mayCreate: true })
}

async function checkDeclared ({ registry, store }: { registry: ClientRegistry, store: CommandStore }, changes: ClientChanges): Promise<Declared> {
  const declared = await readDeclared(store)
  registry.learnMethods(declared.methods)
  const problem = undeclaredScope(declared, changes)
  if (problem !== undefined) throw new CommandError(problem)
  return declared
}

async function listClients (invocation: Invocation): Promise<void> {
  const { io, isJson } = invocation
  await withRegistry(invocation, async (registry) => {
    const rows = [['ID', 'NAME', 'STATE', 'SECRETS', 'CREATED', 'SCOPES']]
    for await (const client of allClients(registry)) {
      if (isJson) await print(io, JSON.stringify(clientToJson(client)))
      else rows.push(toCells(client))
    }
    if (!isJson) await print(io, alignColumns(rows))
  })
}

function toCells ({ id, name = '', isDisabled, secrets, createdAt, scopes }: RegisteredClient): string[] {
  return [id, name, isDisabled ? 'disabled' : 'enabled', String(secrets.length), isoTime(createdAt), scopes.join(' ')]
}

async function rotateSecret (invocation: Invocation): Promise<void> {
  const { values, operands: [id = ''] } = invocation
  const overlap = secondsOf(values, 'overlap')
  const lifetime = secondsOf(values, 'secret-lifetime')
  await withRegistry(invocation, async (registry) => {
    const options = { ...overlap !== undefined && { overlap }, ...lifetime !== undefined && { lifetime }, by: originOf(invocation) }
    const secret = orThrowNotFound(await registry.rotateSecret(id, options), id)
    await printSecret(invocation, id, secret, { id })
  })
}
