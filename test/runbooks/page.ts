// The runbooks of the operating page, executed as they are written there.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { now } from '../failover/time.ts'
import { pageText } from '../support/pages.ts'
import { plainEnvironment } from '../support/program.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
// The command line of this checkout.
const NPX = `npx () { test "$1" = fastify-client-credentials; shift; "${process.execPath}" --import tsx "${ROOT}src/cli/main.ts" "$@"; }`

/** What came of commands. */
export interface CommandResult {
  readonly status: number
  readonly output: string
  /** When they had ended: what they have changed is acknowledged. */
  readonly endedAt: number
}

/** The commands of a runbook: its blocks of `sh`, in their order. */
export function runbookOf (name: string): string[] {
  const [, text = ''] = pageText('example/operating.md').split(`\n### Runbook: ${name}\n`)
  const [section = ''] = text.split(/^#{1,3} /m)
  const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code = '']) => code)
  if (blocks.length === 0) throw new Error(`The operating page has no runbook "${name}" with commands`)
  return blocks
}

/** Runs commands as a shell does that stops at the first one that fails. */
export function runCommands (commands: string, variables: Readonly<Record<string, string>>): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile('sh', ['-euc', `${NPX}\n${commands}`], { cwd: ROOT, env: { ...plainEnvironment(), ...variables } }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}`, endedAt: now() })
    })
  })
}
