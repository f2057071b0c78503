import { isStoreUnavailable } from '../errors/store-unavailable.ts'
import { CommandError } from './errors.ts'

const WRITES: ReadonlySet<unknown> = new Set([
  'addClients', 'replaceClient', 'removeClient', 'replaceKeys', 'replaceSettings', 'raiseAll', 'addRevocation'
])

/**
 * Wraps a store so that its writes distinguish an unknown outcome from a failure: if the connection is lost or a time limit is
 * exceeded during a write, it is unknown whether the change was made.
 *
 * @param advice the instruction for that case
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

// Returns whether the change was certainly not made: the connection was never established, or the database returned an error.
// SQLite runs in this process, Redis returns a ReplyError, PostgreSQL a severity and a SQLSTATE, some of which mean that the
// connection is closing.
function wasNotMade (cause: unknown): boolean {
  const { name, code = '', syscall, severity } = Object(cause) as { name?: unknown, code?: unknown, syscall?: unknown, severity?: unknown }
  if (name === 'ReplyError' || syscall === 'connect' || syscall === 'getaddrinfo' || /SQLITE/.test(String(code))) return true
  return severity !== undefined && !/^(?:08|57P|40003)/.test(String(code))
}
