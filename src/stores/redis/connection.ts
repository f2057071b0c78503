import { StoreUnavailableError } from '../../errors/store-unavailable.ts'
import type { Script } from './scripts.ts'

/** The methods of a Redis client that the store calls. A Redis or a Cluster of ioredis or iovalkey has them. */
export interface RedisClient {
  readonly status: string
  set (key: string, value: string, unit: 'EX', seconds: number, condition: 'NX', get: 'GET'): Promise<unknown>
  evalsha (sha: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>
  eval (script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>
}

// In these states, a client queues commands until it has reconnected.
const DISCONNECTED: ReadonlySet<string> = new Set(['close', 'reconnecting', 'disconnecting', 'end'])
// Milliseconds. Without a limit, a command waits as long as the client retries, and permanently on a connection without
// responses.
const TIME_LIMIT = 2000

/**
 * Runs commands in Redis, within 2 seconds. Rejects immediately while the client is disconnected.
 *
 * @throws StoreUnavailableError for every failure. The commands may have been executed, or may still be executed later
 */
export async function ask<T> (client: RedisClient, work: (client: RedisClient) => Promise<T>): Promise<T> {
  if (DISCONNECTED.has(client.status)) throw new StoreUnavailableError(new Error(`The client has no connection: its status is ${client.status}`))
  return await new Promise<T>((resolve, reject) => {
    const fail = (cause: unknown) => { reject(new StoreUnavailableError(withoutCommand(cause))) }
    const timer = setTimeout(() => { fail(new Error(`Redis did not answer within ${TIME_LIMIT} ms`)) }, TIME_LIMIT)
    work(client).then(resolve, fail).finally(() => { clearTimeout(timer) })
  })
}

// Removes the failed command from an error of the client, and from the node error in an error of a cluster. If Redis rejected
// the connection, the command contains the password, and errors of a store are logged.
function withoutCommand (cause: unknown): Error {
  const { name, message, stack }: Partial<Error> = Object(cause)
  return Object.assign(new Error(message), { name, stack })
}

/** Runs a script by its hash, or by its source if Redis has not cached it: on first use, after a restart, on another node. */
export function runScript (client: RedisClient, { sha, text }: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
  return client.evalsha(sha, keys.length, ...keys, ...args).catch((error: unknown) => {
    if (!String(error).includes('NOSCRIPT')) throw error
    return client.eval(text, keys.length, ...keys, ...args)
  })
}
