import { FIELD_ENTRIES } from '../../adapter.ts'
import type { ClientChanges, ClientField } from '../../adapter.ts'
import type { Option } from '../command.ts'
import { CommandError, messageOf, UsageError } from '../errors.ts'
import { readInput } from '../io.ts'
import type { Io } from '../io.ts'
import type { Values } from '../values.ts'

/** The options for the registration of a client. */
export const REGISTRATION_OPTIONS: Readonly<Record<string, Option>> = Object.fromEntries(
  FIELD_ENTRIES.map(([, { option: { name, placeholder, description } }]) => [name, { type: 'string', placeholder, description }])
)

/**
 * Reads the registration of a client from the options. The registry validates it.
 *
 * @returns the members whose options are given; undefined for an empty one, which removes the member
 * @throws UsageError, CommandError for a value that cannot be read
 */
export async function readRegistration (values: Values, io: Io): Promise<ClientChanges> {
  const given = FIELD_ENTRIES.flatMap(([name, field]) => {
    const text = values[field.option.name]
    return typeof text === 'string' ? [{ name, field, text }] : []
  })
  const read = given.map(async ({ name, field, text }) => [name, text === '' ? undefined : await readOption(field, text, io)])
  return Object.fromEntries(await Promise.all(read))
}

async function readOption ({ option, isJson = false, read }: ClientField, text: string, io: Io): Promise<unknown> {
  const isFile = isJson && !text.startsWith('{')
  const content = isFile ? await readInput(text, io) : text
  try {
    return read(content)
  } catch (error) {
    const problem = `--${option.name} must be ${messageOf(error)}`
    throw isFile ? new CommandError(`${problem}, and ${text === '-' ? 'the standard input' : text} is not`) : new UsageError(isJson ? problem : `${problem}, and not "${text}"`)
  }
}
