import { inspect } from 'node:util'
import { FlowConfigurationError } from '../errors/configuration-error.ts'
import { messageOf, OutputClosedError, UsageError } from './errors.ts'
import { helpOf, helpOfAll } from './help.ts'
import type { Io } from './io.ts'
import { openStore } from './open-store.ts'
import { note, print } from './output.ts'
import { parseCommandLine } from './parse-arguments.ts'
import { hidePasswords } from './redact-passwords.ts'
import { withKnownOutcome } from './unknown-outcome.ts'
import { textOf } from './values.ts'

const RUN_AGAIN = 'Run the same command again, which is safe'

/**
 * Runs a command line.
 *
 * @param version of the package
 * @returns the exit status: 0 success, 1 failure, 2 usage error. Never rejects
 */
export async function run (io: Io, version: string): Promise<number> {
  try {
    return await runCommand(io, version)
  } catch (error) {
    // The reader has closed the output, which is not an error.
    if (error instanceof OutputClosedError) return 0
    note(io, hidePasswords(io.env.DEBUG ? inspect(error) : messageOf(error).replace(/\s+/g, ' '), io))
    return isUsage(error) ? 2 : 1
  }
}

// The options that SigningKeys and ClientRegistry reject come from the arguments or the environment.
function isUsage (error: unknown): boolean {
  return error instanceof UsageError || (error instanceof FlowConfigurationError && error.code.startsWith('FST_OAUTH_INVALID_'))
}

async function runCommand (io: Io, version: string): Promise<number> {
  const { commands, operands, values } = parseCommandLine(io.argv)
  const [command] = commands
  if (values.version) {
    await print(io, version)
    return 0
  }
  if (command === undefined || commands.length > 1) {
    const help = helpOfAll(commands)
    if (values.help) await print(io, help)
    else note(io, help)
    return values.help ? 0 : 2
  }
  if (values.help) {
    await print(io, helpOf(command))
    return 0
  }
  const { advice = RUN_AGAIN } = command
  await command.run({
    io,
    operands,
    values,
    isJson: values.json === true,
    advice,
    withStore: async (work, options) => {
      const { store, close } = openStore(textOf(values, 'store') ?? io.env.OAUTH_STORE, options)
      try {
        return await work(withKnownOutcome(store, advice))
      } finally {
        await close()
      }
    }
  })
  return 0
}
