import type { ReplayStore } from '../../src/store/index.ts'

/** Remembers in memory what was used, and counts. */
export class MemoryReplays implements ReplayStore {
  readonly reserved = new Map<string, number>()

  async reserve (key: string, expiresAt: number): Promise<boolean> {
    if (this.reserved.has(key)) return false
    this.reserved.set(key, expiresAt)
    return true
  }
}
