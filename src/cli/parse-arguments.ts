import { parseArgs } from 'node:util'
import { nearestName } from '../options/check-options.ts'
import type { Command, Option } from './command.ts'
import { COMMANDS } from './commands/index.ts'
import { UsageError } from './errors.ts'
import { GLOBAL_OPTIONS, PROGRAM, usageOf } from './help.ts'
import type { Values } from './values.ts'

/** A parsed command line. */
export interface CommandLine {
  /** The matching commands: one, all of a group, or all if none is named. */
  commands: readonly Command[]
  operands: ReadonlyArray<string | undefined>
  values: Values
}

// Operands that are random base64url: one in 64 begins with a hyphen, and must not be parsed as an option.
const RANDOM_OPERANDS = new Set(['KID', 'SECRET_ID'])
// No argument contains NUL.
const MARK = '\0'

const ALL_OPTIONS = Object.assign({}, GLOBAL_OPTIONS, ...COMMANDS.map(({ options }) => options))

/**
 * Parses the command line. Options are allowed at any position.
 *
 * @throws UsageError
 */
export function parseCommandLine (argv: readonly string[]): CommandLine {
  const words = parseArgs({ args: [...argv], options: ALL_OPTIONS, strict: false, allowPositionals: true }).positionals
  const named = COMMANDS.find(({ name }) => name === words.slice(0, name.split(' ').length).join(' '))
  if (named === undefined) return { ...parseStrictly(argv, GLOBAL_OPTIONS, PROGRAM), commands: groupOf(words), operands: [] }
  const options = { ...named.options, ...GLOBAL_OPTIONS }
  const isRandom = named.operands.some((operand) => RANDOM_OPERANDS.has(operand))
  const { values, positionals } = parseStrictly(isRandom ? argv.map((word) => markOperand(word, options)) : argv, options, `${PROGRAM} ${named.name}`)
  const operands = positionals.slice(named.name.split(' ').length).map((word) => word.replace(MARK, ''))
  if (!values.help) checkOperands(named, operands)
  return { commands: [named], operands, values }
}

function markOperand (word: string, options: Readonly<Record<string, Option>>): string {
  const isOption = /^--?$/.test(word) || Object.hasOwn(options, word.replace(/^--|=.*/g, ''))
  return word.startsWith('-') && !isOption ? `${MARK}${word}` : word
}

function groupOf (words: readonly string[]): readonly Command[] {
  const [group, ...others] = words
  if (group === undefined) return COMMANDS
  const commands = COMMANDS.filter(({ name }) => name.startsWith(`${group} `))
  if (commands.length === 0) throw new UsageError(`There is no command "${group}".${didYouMean(group, COMMANDS.map(({ name }) => name.split(' ')[0]!))} List the commands: ${PROGRAM} --help`)
  if (others.length > 0) throw new UsageError(`There is no command "${group} ${others[0]}".${didYouMean(`${group} ${others[0]}`, commands.map(({ name }) => name))} These are: ${commands.map(({ name }) => name).join(', ')}`)
  return commands
}

function parseStrictly (argv: readonly string[], options: typeof GLOBAL_OPTIONS, program: string): { values: Values, positionals: string[] } {
  let parsed
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, tokens: true })
  } catch (error) {
    const unknown = argv.map(longNameOf).find((name) => name !== undefined && !Object.hasOwn(options, name))
    // Omits the later lines and sentences, which explain how to write operands that look like options.
    const [problem = ''] = (error as Error).message.split(/\. |\n/)
    throw new UsageError(`${problem.replace(/\.$/, '')}.${didYouMean(unknown, Object.keys(options), '--')} See ${program} --help`)
  }
  const { values, positionals, tokens } = parsed
  const names = tokens.flatMap((token) => token.kind === 'option' ? [token.name] : [])
  const repeated = names.find((name, index) => names.indexOf(name) < index)
  // Reject repeated options: all but the last one would be ignored silently.
  if (repeated !== undefined) throw new UsageError(`--${repeated} is given twice${hintOf(options[repeated])}`)
  return { values, positionals }
}

/** Returns the name of an option as it is written: "scope" for `--scope=a`. Undefined for anything else. */
function longNameOf (word: string): string | undefined {
  return /^--([^=]+)/.exec(word)?.[1]
}

function didYouMean (name: string | undefined, known: readonly string[], prefix = ''): string {
  const nearest = name === undefined ? undefined : nearestName(name, known)
  return nearest === undefined ? '' : ` Did you mean ${prefix}${nearest}?`
}

function checkOperands (command: Command, operands: readonly string[]): void {
  const required = command.operands.filter((operand) => !operand.startsWith('['))
  const max = command.operands.at(-1)?.includes('...') ? Infinity : command.operands.length
  if (operands.length < required.length || operands.length > max || operands.includes('')) {
    const hint = operands.length > max ? hintOf(command.options.scope) : ''
    throw new UsageError(`Usage: ${PROGRAM} ${usageOf(command)}${hint}`)
  }
}

// For an option that takes several values.
function hintOf (option: Option | undefined): string {
  return option?.placeholder?.startsWith('"') ? '. Quote several values of one option: --scope "A B"' : ''
}
