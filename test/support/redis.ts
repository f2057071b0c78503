import type { Test } from 'tap'
import { needCommand } from './debian.ts'
import { runServer } from './server.ts'
import type { Server } from './server.ts'

/** How a Redis is run. */
export interface RedisOptions {
  /** Keeps its data when it is stopped or killed. True when left out. */
  isPersistent?: boolean
  /** More arguments of redis-server. */
  args?: readonly string[]
}

/** Starts the redis-server of the machine, empty. Who calls this closes it. */
export function runRedis ({ isPersistent = true, args = [] }: RedisOptions = {}): Promise<Server> {
  const file = needCommand(['redis-server', 'valkey-server'], 'redis-server')
  return runServer({
    command: (folder, port) => [
      file, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', isPersistent ? 'yes' : 'no', ...args
    ],
    ready: 'Ready to accept connections',
    stopSignal: 'SIGTERM',
    url: (port) => `redis://127.0.0.1:${port}`
  })
}

/** Starts a Redis for one test. */
export async function startRedis (t: Test, options?: RedisOptions): Promise<Server> {
  const server = await runRedis(options)
  t.teardown(() => server.close())
  return server
}
