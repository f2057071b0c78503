import { ReadTimeout } from './background-refresh.ts'

/** Waits for a promise for a limited time. @throws ReadTimeout */
export async function within<T> (work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new ReadTimeout(`There was no answer within ${Math.ceil(milliseconds)} ms`)) }, milliseconds)
  })
  return await Promise.race([work, late]).finally(() => { clearTimeout(timer) })
}
