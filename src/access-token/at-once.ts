/** A value that is there, or will be. */
export type Eventual<T> = T | Promise<T>

/** Goes on with a value, at once where it is there: a promise costs each request a wait and the memory of it. */
export function andThen<T, U> (value: Eventual<T>, next: (value: T) => Eventual<U>): Eventual<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}
