// Replacements of the global Promise. Nothing that is tested may be loaded before: import this file alone, and the rest afterwards.
const Native = Promise

/** A promise of the users' own, that is no instance of the native one and shares no method with it. */
class OwnPromise<T> {
  readonly #native: Promise<T>

  constructor (executor: ConstructorParameters<typeof Promise<T>>[0]) {
    this.#native = new Native(executor)
  }

  then (...reactions: Parameters<Promise<T>['then']>): unknown {
    return new OwnPromise((resolve) => { resolve(this.#native.then(...reactions)) })
  }

  catch (reaction: Parameters<Promise<T>['catch']>[0]): unknown {
    return this.then(undefined, reaction)
  }

  finally (reaction: () => void): unknown {
    return new OwnPromise((resolve) => { resolve(this.#native.finally(reaction)) })
  }

  static resolve (value?: unknown): unknown { return new OwnPromise((resolve) => { resolve(value) }) }
  static reject (reason?: unknown): unknown { return new OwnPromise((_resolve, reject) => { reject(reason) }) }
  static all (values: Iterable<unknown>): unknown { return OwnPromise.resolve(Native.all(values)) }
  static any (values: Iterable<unknown>): unknown { return OwnPromise.resolve(Native.any(values)) }
  static race (values: Iterable<unknown>): unknown { return OwnPromise.resolve(Native.race(values)) }
  static allSettled (values: Iterable<unknown>): unknown { return OwnPromise.resolve(Native.allSettled(values)) }
}

async function load (name: string): Promise<{ default: PromiseConstructor }> {
  return await import(name)
}

/** What replaces the global Promise, by name. */
export const REPLACEMENTS: Readonly<Record<string, () => Promise<void>>> = {
  none: async () => {},
  'zone.js': async () => { await load('zone.js/node') },
  Bluebird: async () => { globalThis.Promise = (await load('bluebird')).default },
  'a class of its own': async () => { globalThis.Promise = OwnPromise as unknown as PromiseConstructor }
}
