/** A value, or a promise of it: callbacks of applications may be synchronous or asynchronous. */
export type MaybePromise<T> = T | Promise<T>

/** Returns whether a value can be awaited. Promises of other realms and libraries are no instances of `Promise`. */
export function isThenable<T> (value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | null | undefined)?.then === 'function'
}
