import { FIELD_ENTRIES } from '../../adapter.ts'
import type { ClientSecret, IssuedSecret } from '../../adapter.ts'
import type { RegisteredClient } from '../../index.ts'
import type { Invocation } from '../command.ts'
import { CommandError, OutputClosedError } from '../errors.ts'
import { alignColumns, isoTime, note, print } from '../output.ts'

/** Returns a client as JSON: the members of the API, with times in ISO 8601. */
export function clientToJson (client: RegisteredClient) {
  return { ...client, createdAt: isoTime(client.createdAt), updatedAt: isoTime(client.updatedAt), secrets: client.secrets.map(secretToJson) }
}

/** Prints a client for humans, or as JSON. */
export async function printClient ({ io, isJson }: Invocation, client: RegisteredClient): Promise<void> {
  await print(io, isJson ? JSON.stringify(clientToJson(client)) : describe(client))
}

/**
 * Prints a generated secret on a line of its own. It cannot be displayed again.
 *
 * @throws CommandError if the standard output is closed
 */
export async function printSecret ({ io, isJson }: Invocation, id: string, secret: IssuedSecret | undefined, json: object): Promise<void> {
  try {
    if (isJson) await print(io, JSON.stringify({ ...json, secret: secret && { ...secret, expiresAt: isoTime(secret.expiresAt) } }))
    else await print(io, [`client_id      ${id}`, ...secret ? [`client_secret  ${secret.secret}`] : []].join('\n'))
  } catch (error) {
    if (secret === undefined || !(error instanceof OutputClosedError)) throw error
    throw new CommandError(`The secret of "${id}" is lost, since the standard output is closed. Generate another one: client rotate ${id}`)
  }
  if (secret) note(io, `Keep the secret now: it is not shown again${secret.expiresAt === undefined ? '' : `. It expires at ${isoTime(secret.expiresAt)}`}`)
}

function secretToJson ({ createdAt, expiresAt, lastUsedAt, ...secret }: ClientSecret) {
  return { ...secret, createdAt: isoTime(createdAt), expiresAt: isoTime(expiresAt), lastUsedAt: isoTime(lastUsedAt) }
}

function describe (client: RegisteredClient): string {
  const { id, isDisabled, secrets, createdAt, updatedAt } = client
  const registration = FIELD_ENTRIES.flatMap(([name, { label, show }]) => client[name] === undefined ? [] : [[label, show(client[name])]])
  const members = [
    ['client_id', id],
    ['state', isDisabled ? 'disabled' : 'enabled'],
    ...registration,
    ['created', isoTime(createdAt)],
    ['changed', isoTime(updatedAt)]
  ]
  return `${alignColumns(members)}\n\n${describeSecrets(secrets)}`
}

function describeSecrets (secrets: readonly ClientSecret[]): string {
  if (secrets.length === 0) return 'No secrets'
  return alignColumns([
    ['SECRET', 'CREATED', 'EXPIRES', 'LAST USED'],
    ...secrets.map(({ id, createdAt, expiresAt, lastUsedAt }) => [id, isoTime(createdAt), isoTime(expiresAt) ?? 'never', isoTime(lastUsedAt) ?? 'never'])
  ])
}
