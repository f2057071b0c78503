/** A value that is there, or will be. */
export type Eventual<T> = T | Promise<T>

/** Tells whether a value can be waited for: what a database library returns often can, and is no Promise. */
export function isThenable<T> (value: Eventual<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | null | undefined)?.then === 'function'
}

/** Goes on with a value, at once where it is there: a promise costs each request a wait and the memory of it. */
export function andThen<T, U> (value: Eventual<T>, next: (value: T) => Eventual<U>): Eventual<U> {
  return isThenable(value) ? Promise.resolve(value).then(next) : next(value)
}
