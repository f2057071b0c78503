/** Milliseconds on CLOCK_MONOTONIC, which all processes of the machine share. */
export const now = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

export const delay = (milliseconds: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, milliseconds) })

/** Waits until a condition is met. @throws Error after so many milliseconds */
export async function until (what: string, isMet: () => boolean | Promise<boolean>, limit = 15_000): Promise<void> {
  const startedAt = now()
  while (!await isMet()) {
    if (now() - startedAt > limit) throw new Error(`Waited ${limit} ms in vain until ${what}`)
    await delay(10)
  }
}
