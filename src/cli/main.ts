#!/usr/bin/env node
// The only file that reads the process.
import { createRequire } from 'node:module'
import { hostname, userInfo } from 'node:os'
import { systemClock } from '../lib/clock.ts'
import { run } from './run.ts'

const { version } = createRequire(import.meta.url)('fastify-client-credentials/package.json') as { version: string }

// That node:sqlite is experimental is no news for whoever runs a command.
const { emitWarning } = process
process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
  if (rest[0] !== 'ExperimentalWarning') Reflect.apply(emitWarning, process, [warning, ...rest])
}

// A reader that is gone is told to whoever writes, and must not end the process before it has closed the store.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const { argv, env, stdin, stdout, stderr } = process
process.exitCode = await run({ argv: argv.slice(2), env, stdin, stdout, stderr, user: { id: userName(), host: hostname() }, now: systemClock }, version)

function userName (): string {
  try {
    return userInfo().username
  } catch {
    // The user of a container may have no name.
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
