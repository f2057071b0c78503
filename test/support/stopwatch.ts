import type { Test } from 'tap'

/** Sets the clock by which it is told how old is what is known of a store. */
export function stopwatch (t: Test): (milliseconds: number) => void {
  let time = Math.ceil(performance.now())
  t.intercept(performance, 'now', { value: () => time })
  return (milliseconds) => { time += milliseconds }
}
