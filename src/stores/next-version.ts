import { randomInt } from 'node:crypto'

// Versions stay safe integers for millions of changes.
const MAX_STEP = 2 ** 30

/**
 * Returns the version that a change leads to: a random step later. A write that was decided in a history which the store has
 * lost finds another version there, however many changes were made since.
 */
export function nextVersion (version: number): number {
  return version + randomInt(1, MAX_STEP)
}
