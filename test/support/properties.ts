import fc from 'fast-check'

// How many times as many runs as in the test command: npm run fuzz. Then each run begins elsewhere.
const FACTOR = Number(process.env['RUNS'] ?? 1)
// Where a failed run began, as fast-check prints it: `seed` and `path`. (PATH is the shell's.)
const { SEED, REPLAY } = process.env
// The same in each run of the test command.
const FIXED_SEED = 6749

/** Whether one failed run is repeated: then nothing else is seen. */
export const isReplayed = REPLAY !== undefined

/** What a property is run by. The seed of a failure is in its message, to be given as SEED, and its path as REPLAY. */
export function parametersOf (runs: number): { numRuns: number, seed?: number, path?: string } {
  return {
    numRuns: Math.ceil(runs * FACTOR),
    ...(SEED !== undefined ? { seed: Number(SEED) } : FACTOR === 1 && { seed: FIXED_SEED }),
    ...(REPLAY !== undefined && { path: REPLAY })
  }
}

/** Holds a property for so many values, or as many times more as RUNS says. Throws with the smallest value for which it does not hold. */
export function forAll<T> (runs: number, arbitrary: fc.Arbitrary<T>, property: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, property), parametersOf(runs))
}

/** The same for a property that must be waited for. */
export async function forAllAsync<T> (runs: number, arbitrary: fc.Arbitrary<T>, property: (value: T) => Promise<void>): Promise<void> {
  await fc.assert(fc.asyncProperty(arbitrary, property), parametersOf(runs))
}
