import type { Command, Option } from './command.ts'
import { alignColumns } from './output.ts'

/** The name of the program. */
export const PROGRAM = 'fastify-client-credentials'

/** The options of every command. */
export const GLOBAL_OPTIONS: Readonly<Record<string, Option>> = {
  store: { type: 'string', placeholder: 'STORE', description: 'sqlite:./auth.db or postgres://user@host/database (default OAUTH_STORE of the environment)' },
  json: { type: 'boolean', description: 'prints JSON, with times in ISO 8601' },
  help: { type: 'boolean', description: 'shows this' },
  version: { type: 'boolean', description: 'shows the version' }
}

const ENVIRONMENT = alignColumns([
  ['  OAUTH_STORE', 'the store, where --store is left out: the place for a URL with a password, which everybody can see among the arguments'],
  ['  OAUTH_PEPPERS', 'the peppers of ClientRegistry, separated by commas; "none" in the place of null'],
  ['  OAUTH_SEALING_KEYS', 'the sealing keys of SigningKeys, separated by commas'],
  ['  DEBUG', 'anything: shows where an error comes from']
])

const EXIT_CODES = alignColumns([
  ['  0', 'done'],
  ['  1', 'failed: not found, a conflict, or the store is away'],
  ['  2', 'typed wrongly']
])

/** What `--help` shows of several commands. */
export function helpOfAll (commands: readonly Command[]): string {
  return sections([
    ['', 'Clients and keys of an OAuth 2.0 server, in its store. Results go to the standard output, all else to the standard error.'],
    ['Usage', `  ${PROGRAM} COMMAND [options]`],
    ['Commands', alignColumns(commands.map((command) => [`  ${usageOf(command)}`, command.summary]))],
    ['Options', describeOptions(GLOBAL_OPTIONS)],
    ['Environment', ENVIRONMENT],
    ['Exit codes', EXIT_CODES],
    ['Start here', ['migrate --store sqlite:./auth.db', 'client add billing --scope data:read --store sqlite:./auth.db', 'client add --help'].map(toExample).join('\n')]
  ])
}

/** What `--help` shows of one command. */
export function helpOf (command: Command): string {
  const { summary, details = [], options, examples } = command
  return sections([
    ['', [summary, ...details].join('\n\n')],
    ['Usage', `  ${PROGRAM} ${usageOf(command)} [options]`],
    ['Options', describeOptions({ ...options, ...GLOBAL_OPTIONS })],
    ['Environment', ENVIRONMENT],
    ['Exit codes', EXIT_CODES],
    ['Examples', examples.map(toExample).join('\n')]
  ])
}

/** A command and its operands, as it is typed. */
export function usageOf ({ name, operands }: Command): string {
  return [name, ...operands].join(' ')
}

function sections (list: ReadonlyArray<readonly [title: string, text: string]>): string {
  return list.map(([title, text]) => title === '' ? text : `${title}:\n${text}`).join('\n\n')
}

function describeOptions (options: Readonly<Record<string, Option>>): string {
  return alignColumns(Object.entries(options).map(([name, { placeholder, description }]) => [`  --${[name, placeholder].filter(Boolean).join(' ')}`, description]))
}

// An example that begins with another program, or a variable, is whole already.
function toExample (example: string): string {
  return example.includes(PROGRAM) ? `  ${example}` : `  ${PROGRAM} ${example}`
}
