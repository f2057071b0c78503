import { Readable, Writable } from 'node:stream'
import { run } from '../../src/cli/run.ts'

/** What a command line has written, and its exit status. */
export interface Ran { code: number | null, stdout: string, stderr: string }

/** The surroundings of a command line. */
export interface Conditions {
  env?: Record<string, string>
  stdin?: string | AsyncIterable<Uint8Array>
  stdout?: Writable
  now?: () => number
}

/** The user of every command line that runs in this process. */
export const CLI_USER = { id: 'alice', host: 'workstation' }

/** Runs a command line in this process. @param args the words, or one string of words without spaces */
export async function runCli (args: string | readonly string[], { env = {}, stdin = '', stdout, now = () => Math.floor(Date.now() / 1000) }: Conditions = {}): Promise<Ran> {
  const output = { stdout: '', stderr: '' }
  const collect = (name: keyof typeof output) => new Writable({
    write (chunk, _encoding, done) {
      output[name] += chunk
      done()
    }
  })
  const argv = typeof args === 'string' ? args.split(' ') : args
  const input = typeof stdin === 'string' ? Readable.from([Buffer.from(stdin)]) : stdin
  const code = await run({ argv, env, stdin: input, stdout: stdout ?? collect('stdout'), stderr: collect('stderr'), user: CLI_USER, now }, '1.2.3')
  return { code, ...output }
}
