#!/usr/bin/env node
// The only file that accesses `process`.
import { createRequire } from 'node:module'
import { hostname, userInfo } from 'node:os'
import { systemClock } from '../lib/clock.ts'
import { run } from './run.ts'

const { version } = createRequire(import.meta.url)('fastify-client-credentials/package.json') as { version: string }

// Suppress the warning that node:sqlite is experimental.
const { emitWarning } = process
process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
  if (rest[0] !== 'ExperimentalWarning') Reflect.apply(emitWarning, process, [warning, ...rest])
}

// Writes report a closed reader. The event must not end the process before the store is closed.
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
