import { StoreUnavailableError } from '../unavailable.ts'
import type { Script } from './scripts.ts'

/** What the store needs of a client. A Redis or a Cluster of ioredis or iovalkey has it. */
export interface RedisClient {
  readonly status: string
  set (key: string, value: string, unit: 'EX', seconds: number, condition: 'NX'): Promise<unknown>
  del (key: string): Promise<unknown>
  evalsha (sha: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>
  eval (script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>
}

// A client in one of these states queues commands for a connection that it lost and has not even begun to make anew.
const AWAY: ReadonlySet<string> = new Set(['close', 'reconnecting', 'disconnecting', 'end'])
// Milliseconds. Without this, a command waits as long as the client tries, and for ever on a connection that went silent.
const TIME_LIMIT = 2000

/**
 * Does something in Redis, within 2 seconds. At once fails what a client without a connection is asked.
 *
 * @throws StoreUnavailableError whatever goes wrong. What was asked may have been done, or may be done later
 */
export async function ask<T> (client: RedisClient, work: (client: RedisClient) => Promise<T>): Promise<T> {
  if (AWAY.has(client.status)) throw new StoreUnavailableError(new Error(`The client has no connection: its status is ${client.status}`))
  return await new Promise<T>((resolve, reject) => {
    const refuse = (cause: unknown) => { reject(new StoreUnavailableError(withoutCommand(cause))) }
    const timer = setTimeout(() => { refuse(new Error(`Redis did not answer within ${TIME_LIMIT} ms`)) }, TIME_LIMIT)
    work(client).then(resolve, refuse).finally(() => { clearTimeout(timer) })
  })
}

// An error of the client brings the command that failed, and an error of a cluster that of a node. Where Redis refused the
// connection, that is the one with the password, and what a store rejects with is logged.
function withoutCommand (cause: unknown): Error {
  const { name, message, stack }: Partial<Error> = Object(cause)
  return Object.assign(new Error(message), { name, stack })
}

/** Runs a script by its hash, and by its text where Redis does not have it: at first, after a restart, on another node. */
export function runScript (client: RedisClient, { sha, text }: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
  return client.evalsha(sha, keys.length, ...keys, ...args).catch((error: unknown) => {
    if (!String(error).includes('NOSCRIPT')) throw error
    return client.eval(text, keys.length, ...keys, ...args)
  })
}
