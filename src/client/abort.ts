/**
 * Waits for shared work. An aborted signal rejects only for its own caller: the work continues for the others.
 *
 * @throws the reason of the signal
 */
export function abortable<T> (work: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (signal === null || signal === undefined) return work
  return new Promise((resolve, reject) => {
    const abort = (): void => { reject(signal.reason) }
    if (signal.aborted) { abort(); work.catch(() => {}); return }
    signal.addEventListener('abort', abort)
    work.then(resolve, reject).finally(() => { signal.removeEventListener('abort', abort) })
  })
}
