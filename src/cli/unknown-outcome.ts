import { isStoreUnavailable } from '../errors/store-unavailable.ts'
import { CommandError } from './errors.ts'

const WRITES: ReadonlySet<unknown> = new Set([
  'addClients', 'replaceClient', 'removeClient', 'replaceKeys', 'replaceSettings', 'raiseAll', 'addRevocation'
])

/**
 * Returns a store whose writes tell a lost answer from a failure: when the connection is lost or a time limit is exceeded
 * during a write, nobody knows whether it was made.
 *
 * @param advice what to do then
 */
export function withKnownOutcome<S extends object> (store: S, advice: string): S {
  return new Proxy(store, {
    get (target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      if (!WRITES.has(name)) return member.bind(target)
      return async (...values: unknown[]) => {
        try {
          return await member.apply(target, values)
        } catch (error) {
          if (!isStoreUnavailable(error) || wasNotMade((error as Error).cause)) throw error
          throw new CommandError(`It is not known whether the change was made. ${advice}`, { cause: error })
        }
      }
    }
  })
}

// Whether the connection was never made, or the database has answered with an error: SQLite is part of this process, Redis
// answers with a ReplyError, PostgreSQL with a severity and a SQLSTATE, of which some mean that the connection is ending.
function wasNotMade (cause: unknown): boolean {
  const { name, code = '', syscall, severity } = Object(cause) as { name?: unknown, code?: unknown, syscall?: unknown, severity?: unknown }
  if (name === 'ReplyError' || syscall === 'connect' || syscall === 'getaddrinfo' || /SQLITE/.test(String(code))) return true
  return severity !== undefined && !/^(?:08|57P|40003)/.test(String(code))
}
