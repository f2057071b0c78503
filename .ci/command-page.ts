// The page of the command line: what --help says of each command.
import { COMMANDS } from '../src/cli/commands/index.ts'
import { helpOf, helpOfAll } from '../src/cli/help.ts'

const HEAD = `# Command line

[README](../../README.md)

What \`npx fastify-client-credentials --help\` says, of all commands and of each. Made by \`npm run docs\`.
`

export function commandPage (): string {
  const block = (text: string) => `\`\`\`text\n${text}\n\`\`\`\n`
  return [HEAD, block(helpOfAll(COMMANDS)), ...COMMANDS.flatMap((command) => [`## ${command.name}\n`, block(helpOf(command))])].join('\n')
}
