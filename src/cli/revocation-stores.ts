import type { RevocationStore } from '../stores/contracts/index.ts'
import { redisStore } from '../stores/redis.ts'
import type { Invocation, Option } from './command.ts'
import { CommandError, UsageError } from './errors.ts'
import { loadDriver } from './load-driver.ts'
import { isSqlStore, openStore } from './open-store.ts'
import type { OpenStore } from './open-store.ts'
import { withKnownOutcome } from './unknown-outcome.ts'
import { textOf } from './values.ts'

type RedisHandle = Parameters<typeof redisStore>[0] & { disconnect (): void, on (event: 'error', listener: (error: Error) => void): unknown }
interface RedisDriver { Redis: new (url: string, options: object) => RedisHandle }

/** A separate store of revocations, with the id that servers register. */
export interface OpenRevocationStore extends OpenStore<Pick<RevocationStore, 'addRevocation'>> {
  readonly id: string
}

// Milliseconds until a server that does not answer is unavailable.
const CONNECT_TIMEOUT = 10_000

export const REVOCATIONS_OPTION: Option = {
  type: 'string',
  placeholder: 'STORES',
  description: 'during an upgrade from 0.1.0: the other stores that servers keep revocations in, separated by commas: redis://host/0?prefix=fcc: (default OAUTH_REVOCATIONS)'
}

/** Returns the locations of the separate stores, from the option or else from the environment. */
export function revocationLocations ({ io, values }: Pick<Invocation, 'io' | 'values'>): string[] {
  const text = textOf(values, 'revocations') ?? io.env.OAUTH_REVOCATIONS
  const locations = splitLocations(text ?? '')
  const wrong = locations.find((location) => !isSqlStore(location) && !isRedis(location))
  if (wrong !== undefined) throw new UsageError('A store of revocations must be redis://host/0, rediss://host/0, postgres://user@host/database or sqlite:./revocations.db. Separate several by commas')
  return locations
}

/** Splits a list of stores. A comma without a following scheme is part of a password or of a path. */
export function splitLocations (text: string): string[] {
  return text.split(/,(?=[a-z]+:)/).filter((location) => location !== '')
}

/**
 * Opens a store of revocations, and reads its id.
 *
 * @throws CommandError for a store that does not respond
 */
export async function openRevocationStore (location: string, advice: string): Promise<OpenRevocationStore> {
  return isRedis(location) ? await openRedis(location, advice) : await openSql(location, advice)
}

function isRedis (location: string): boolean {
  return /^rediss?:\/\/./.test(location)
}

async function openSql (location: string, advice: string): Promise<OpenRevocationStore> {
  const { store, close } = openStore(location)
  return { id: await readId(close, async () => (await store.readSettings()).storeId), store: withKnownOutcome(store, advice), close }
}

async function openRedis (location: string, advice: string): Promise<OpenRevocationStore> {
  const { url, prefix } = readPrefix(location)
  const { Redis } = loadDriver<RedisDriver>(['ioredis', 'iovalkey'], 'npm install ioredis')
  const client = new Redis(url, { connectTimeout: CONNECT_TIMEOUT, retryStrategy: () => null })
  // Keep the error event: the pending command rejects without the cause of the closed connection.
  let failure: Error | undefined
  client.on('error', (error) => { failure ??= error })
  const store = redisStore(client, prefix === null ? {} : { prefix })
  const close = async () => { client.disconnect() }
  const id = await readId(close, async () => await store.storeId().catch((error: unknown) => { throw failure ?? error }))
  return { id, store: withKnownOutcome(store, advice), close }
}

async function readId (close: () => Promise<void>, read: () => Promise<string>): Promise<string> {
  try {
    return await read()
  } catch (error) {
    await close()
    throw new CommandError('A store of --revocations or OAUTH_REVOCATIONS is not available, and nothing was changed', { cause: error })
  }
}

// The driver reads its own options from the other parameters.
function readPrefix (location: string): { url: string, prefix: string | null } {
  const [, url = '', query = ''] = /^([^?]*)\??(.*)$/.exec(location) as RegExpExecArray
  const parameters = new URLSearchParams(query)
  const prefix = parameters.get('prefix')
  parameters.delete('prefix')
  return { url: parameters.size > 0 ? `${url}?${parameters}` : url, prefix }
}
