// What one copy of a database has held, and since when: written down by the simulation from what was written to it.
import type { Entry, Revocation, StoredClient, Written } from '../../src/stores/contracts/index.ts'

interface Since<T> { readonly at: number, readonly value: T }

/** The row of a client, as far as it matters. Undefined for one that was removed. */
export type Row = { readonly isDisabled: boolean, readonly generation: number, readonly secretIds: readonly string[] } | undefined

/** The last value that was there at a time. */
function lastAt<T> (history: ReadonlyArray<Since<T>> | undefined, at: number): T | undefined {
  return history?.findLast((one) => one.at <= at)?.value
}

export class Truth {
  readonly entries: Array<Since<Entry>> = []
  readonly revocations: Array<Since<Revocation>> = []
  readonly rows = new Map<string, Array<Since<Row>>>()
  readonly keys: Array<Since<readonly string[]>> = []
  /** Of all keys that were ever there. */
  readonly algorithms = new Map<string, string>()
  /** Opaque tokens by their hashes, with their times in seconds. */
  readonly tokens = new Map<string, { readonly issuedAt: number, readonly expiresAt: number }>()

  addEntries (at: number, written: Written): void {
    for (const value of written) this.entries.push({ at, value })
  }

  setRow (at: number, id: string, client: StoredClient | undefined): void {
    const value = client && {
      isDisabled: client.isDisabled ?? false, generation: client.generation ?? 0, secretIds: client.secrets.map((secret) => secret.id)
    }
    const history = this.rows.get(id)
    if (history === undefined) this.rows.set(id, [{ at, value }])
    else history.push({ at, value })
  }

  /** The greater of the numbers of a client and of all clients. */
  generation (clientId: string, at: number): number {
    let generation = 0
    for (const { at: since, value } of this.entries) {
      if (since > at || !('generation' in value)) continue
      if (value.kind === 'all' || value.id === clientId) generation = Math.max(generation, value.generation)
    }
    return generation
  }

  /** The entries that another copy lacks. */
  entriesWithout (other: Truth): Entry[] {
    const there = new Set(other.entries.map(({ value }) => JSON.stringify(value)))
    return this.entries.map(({ value }) => value).filter((entry) => !there.has(JSON.stringify(entry)))
  }

  /** Whether the number of a client has grown since a time. */
  wasRaised (clientId: string, since: number): boolean {
    return this.entries.some(({ at, value }) => at >= since && value.kind === 'client' && value.id === clientId)
  }

  hasEntry (kind: 'key' | 'secret', id: string, at: number): boolean {
    return this.entries.some(({ at: since, value }) => since <= at && value.kind === kind && value.id === id)
  }

  hasTokenRevocation (id: string, at: number): boolean {
    return this.revocations.some(({ at: since, value }) => since <= at && value.kind === 'token' && value.id === id)
  }

  /** The cut-off of a client: tokens that were issued before it are revoked. 0 for none. */
  cutOff (clientId: string, at: number): number {
    let cutOff = 0
    for (const { at: since, value } of this.revocations) {
      if (since <= at && value.kind === 'client' && value.id === clientId) cutOff = Math.max(cutOff, value.issuedBefore)
    }
    return cutOff
  }

  row (clientId: string, at: number): Row {
    return lastAt(this.rows.get(clientId), at)
  }

  /** Whether the row of a client fulfilled a condition at any moment between two. */
  wasEver (clientId: string, from: number, to: number, condition: (row: NonNullable<Row>) => boolean): boolean {
    const isMet = (row: Row): boolean => row !== undefined && condition(row)
    return isMet(this.row(clientId, from)) || (this.rows.get(clientId) ?? []).some(({ at, value }) => at > from && at <= to && isMet(value))
  }

  /** The times of all changes between two. */
  timesBetween (from: number, to: number): number[] {
    return [...this.entries, ...this.revocations, ...this.keys, ...[...this.rows.values()].flat()].map(({ at }) => at).filter((at) => at >= from && at <= to)
  }

  /** The last change of a row before a time. */
  rowChangedAt (clientId: string): number {
    return this.rows.get(clientId)?.at(-1)?.at ?? -Infinity
  }

  hasKey (kid: string, at: number): boolean {
    return lastAt(this.keys, at)?.includes(kid) ?? false
  }
}
