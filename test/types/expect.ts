/* eslint-disable @typescript-eslint/no-unused-vars */
type IsAny<T> = 0 extends 1 & T ? true : false

/** Whether two types are assignable to each other, and neither is any. */
export type Same<A, B> = true extends IsAny<A> | IsAny<B> ? false : [A] extends [B] ? [B] extends [A] ? true : false : false

/** Compiles only for a type argument that is true. Nothing is run. */
export function expectType<_T extends true> (): void {}
