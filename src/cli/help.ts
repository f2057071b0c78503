import type { Command, Option } from './command.ts'
import { alignColumns } from './output.ts'

/** The name of the program. */
export const PROGRAM = 'fastify-client-credentials'

/** The options of every command. */
export const GLOBAL_OPTIONS: Readonly<Record<string, Option>> = {
  store: { type: 'string', placeholder: 'STORE', description: 'sqlite:./auth.db or postgres://user@host/database (default OAUTH_STORE of the environment)' },
  json: { type: 'boolean', description: 'prints JSON, with times in ISO 8601' },
  help: { type: 'boolean', description: 'shows this help' },
  version: { type: 'boolean', description: 'shows the version' }
}

const ENVIRONMENT = alignColumns([
  ['  OAUTH_STORE', 'the store, where --store is left out. Put a URL with a password here: all users of a machine can see arguments'],
  ['  OAUTH_REVOCATIONS', 'other stores of revocations, where --revocations is left out, separated by commas'],
  ['  OAUTH_PEPPERS', 'the peppers of ClientRegistry, separated by commas; "none" instead of null'],
  ['  OAUTH_SEALING_KEYS', 'the sealing keys of SigningKeys, separated by commas'],
  ['  DEBUG', 'any value: prints the stack traces of errors']
])

const EXIT_CODES = alignColumns([
  ['  0', 'done'],
  ['  1', 'failed: not found, a conflict, the store is unavailable, or it is not known whether the change was made'],
  ['  2', 'usage error']
])

/** Returns the `--help` of several commands. */
export function helpOfAll (commands: readonly Command[]): string {
  return sections([
    ['', 'Administers the clients, tokens and keys of OAuth 2.0 servers in their store. Results are printed to the standard output, all else to the standard error. Every change is recorded: audit list.'],
    ['Usage', `  ${PROGRAM} COMMAND [options]`],
    ['Commands', alignColumns(commands.map((command) => [`  ${usageOf(command)}`, command.summary]))],
    ['Options', describeOptions(GLOBAL_OPTIONS)],
    ['Environment', ENVIRONMENT],
    ['Exit codes', EXIT_CODES],
    ['Start here', ['migrate --store sqlite:./auth.db', 'client add billing --scope data:read --store sqlite:./auth.db', 'client add --help'].map(toExample).join('\n')]
  ])
}

/** Returns the `--help` of one command. */
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

/** Returns the usage of a command: its name and its operands. */
export function usageOf ({ name, operands }: Command): string {
  return [name, ...operands].join(' ')
}

function sections (list: ReadonlyArray<readonly [title: string, text: string]>): string {
  return list.map(([title, text]) => title === '' ? text : `${title}:\n${text}`).join('\n\n')
}

function describeOptions (options: Readonly<Record<string, Option>>): string {
  return alignColumns(Object.entries(options).map(([name, { placeholder, description }]) => [`  --${[name, placeholder].filter(Boolean).join(' ')}`, description]))
}

// An example that begins with another program, or a variable, is complete already.
function toExample (example: string): string {
  return example.includes(PROGRAM) ? `  ${example}` : `  ${PROGRAM} ${example}`
}
