import { execFile, execFileSync } from 'node:child_process'
import { chown } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { needCommand, POSTGRES } from './debian.ts'
import { runServer } from './server.ts'
import type { Server } from './server.ts'

/** Starts the PostgreSQL of the machine with an empty database. Who calls this closes it. */
export async function runPostgres (): Promise<Server> {
  const postgres = needCommand(POSTGRES)
  const user = plainUser()
  return await runServer({
    async prepare (folder) {
      if (user !== undefined) await chown(folder, user.uid, user.gid)
      const [file = '', ...args] = [
        ...asUser(user), join(dirname(postgres), 'initdb'), '--pgdata', join(folder, 'data'), '--username', 'postgres',
        '--auth', 'trust', '--no-sync', '--encoding', 'UTF8',
        // Sorts as humans do, unlike bytes: what relies on the order of bytes has to say so.
        '--locale', 'C.UTF-8', '--locale-provider', 'icu', '--icu-locale', 'en'
      ]
      await promisify(execFile)(file, args, { cwd: folder })
    },
    command: (folder, port) => [
      ...asUser(user), postgres, '-D', join(folder, 'data'), '-p', String(port),
      // What was committed outlives any process, but not the machine.
      ...['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'full_page_writes=off'].flatMap((setting) => ['-c', setting])
    ],
    // A standby is ready to accept read-only connections.
    ready: 'database system is ready to accept',
    stopSignal: 'SIGINT',
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`
  })
}

/** Starts a PostgreSQL for one test. */
export async function startPostgres (t: Test): Promise<Server> {
  const server = await runPostgres()
  t.teardown(() => server.close())
  return server
}

interface User { uid: number, gid: number }

// PostgreSQL refuses to run as root. Its package brings a user.
function plainUser (): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (option: string) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

// A change of user takes the leash of runServer off: here is another.
function asUser (user: User | undefined): string[] {
  return user === undefined ? [] : ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', '--pdeathsig', 'KILL']
}
