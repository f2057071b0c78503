import type { ClientEntry, Entry } from './contracts/entry-store.ts'

/** Maximum lifetime of tokens in seconds, if no server has registered its settings. */
export const FALLBACK_TOKEN_LIFETIME = 400 * 86_400
/**
 * Minimum lifetime of entries in seconds. A store that is restored from a backup of that age gets them back from the running
 * processes, so that no disabled client and no leaked key becomes valid again.
 */
export const MIN_ENTRY_LIFETIME = 35 * 86_400
/**
 * The expiry time of the entry of all clients, in seconds since 1970: never, since tokens without a generation have generation
 * 0.
 */
export const NEVER = 253_402_300_799
/** Maximum difference of clocks in seconds, if no server has registered its settings. */
export const FALLBACK_CLOCK_TOLERANCE = 300

/** A client whose generation is raised. */
export interface RaisedClient {
  readonly id: string
  readonly isDisabled: boolean
  /** The minimum of the generation. */
  readonly given?: number | undefined
  /** Numbers that it must exceed, besides those of the entries. */
  readonly stored: readonly number[]
}

/** The entries that a change writes. */
export interface NewEntries {
  /** Entries as they are. */
  readonly entries?: readonly Entry[]
  readonly clients?: readonly RaisedClient[]
  /** Keys that are revoked. */
  readonly revoked?: ReadonlyArray<{ readonly kind: 'key', readonly id: string }>
}

/** The state of a store at the time of a change. */
export interface StoredGenerations {
  /** The store's clock in milliseconds since 1970. */
  readonly clock: number
  /** When the new entries expire, in seconds since 1970. */
  readonly expiresAt: number
  /** The greatest generation of all clients. */
  readonly ofAll: number
  /** The greatest generation in the entries of each client, by its id. */
  readonly ofClients: ReadonlyMap<string, number>
}

/** Returns the number of entries that a change writes. */
export function countEntries ({ entries = [], clients = [], revoked = [] }: NewEntries): number {
  return entries.length + clients.length + revoked.length
}

/** Returns all entries of a change: those of raised clients last, with generations above all others. */
export function toEntries ({ entries = [], clients = [], revoked = [] }: NewEntries, { clock, expiresAt, ofAll, ofClients }: StoredGenerations): Entry[] {
  const raised = clients.map(({ id, isDisabled, given, stored }): ClientEntry => {
    const added = entries.flatMap((entry) => entry.kind === 'all' || (entry.kind === 'client' && entry.id === id) ? entry.generation : [])
    const generation = nextGeneration({ clock, given, stored: [...stored, ...added, ofClients.get(id) ?? 0, ofAll] })
    return { kind: 'client', id, generation, isDisabled, expiresAt }
  })
  return [...entries, ...revoked.map(({ kind, id }) => ({ kind, id, expiresAt })), ...raised]
}

/**
 * Returns a generation that is greater than all that are stored.
 *
 * @param clock the store's clock in milliseconds
 * @param given the minimum of the generation
 * @param stored numbers that it must exceed
 */
export function nextGeneration ({ clock, given = 0, stored }: { clock: number, given?: number | undefined, stored: readonly number[] }): number {
  return stored.reduce((next, generation) => Math.max(next, generation + 1), Math.max(clock, given))
}
