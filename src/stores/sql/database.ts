import { StoreUnavailableError } from '../../errors/store-unavailable.ts'

/** The value of a "?" in a statement. Lists require {@link Dialect.list}. */
export type Value = string | number | null | readonly string[]

/** A statement and its values. Its text is constant, never built from input. */
export type Statement = readonly [text: string, ...values: Value[]]

/** A row of a result. Numbers may be strings or bigint: convert them with Number. */
export type Row = Readonly<Record<string, unknown>>

/** The statements of a transaction: each is yielded, and its rows are the result of `yield`. */
export type Steps<T> = Generator<Statement, T, readonly Row[]>

/** The SQL that differs between databases. */
export interface Dialect {
  /** A column of text that is compared byte by byte. */
  text: string
  /** Locks migrations in their transaction, so that one process migrates at a time. */
  lock?: string
  /** A query that returns a row once the tables were created. */
  hasTables: string
  /** A condition: the value of a column is in a list, which is one "?". */
  among (column: string): string
  list (values: readonly string[]): Value
  /** A suffix for a SELECT of rows to delete, that skips rows which another transaction has locked. */
  skipLocked: string
  /** A suffix for a SELECT of rows that no other transaction may change or delete before this one ends. */
  keep: string
  /** A suffix for a SELECT of rows that the transaction is going to change or delete. */
  lockRows: string
  /** The elements of a JSON array of arrays, which is one "?", in a FROM clause. `element.value ->> 0` is the first member of one. */
  elements: string
  /** The lesser of two expressions. */
  least (one: string, other: string): string
  /** A random string. */
  random: string
  /** Whether a column whose default is random can be added to a table. */
  addsRandomColumns: boolean
  /** The clock of the server in seconds since 1970, with their fraction. Undefined for a database that runs in this process. */
  clock?: string
  /** A string that changes with every failover and with every recovery to a point in time. Undefined if there is none. */
  timeline?: string
}

/** A database for the store. Every error of its driver becomes a StoreUnavailableError. */
export interface SqlDatabase {
  readonly dialect: Dialect
  rows (statement: Statement): Promise<readonly Row[]>
  /**
   * Runs a SELECT, and rejects with StoreUnavailableError on a standby, which may lack acknowledged writes.
   *
   * @param orderBy the order of the rows, by columns of the result, where it matters
   */
  read (query: Statement, orderBy?: string): Promise<readonly Row[]>
  /** Runs all statements or none. An error that the steps throw rolls them back, and is passed on unchanged. */
  transaction<T> (steps: Steps<T>): Promise<T>
}

/** A database before its first use. */
export interface UnopenedDatabase extends SqlDatabase {
  /** Called before anything else, and again after a failure. */
  open (): Promise<void>
}

/**
 * The tables `store` and `settings`, which have one row each. PostgreSQL assumes more than a thousand rows of a table that was
 * never analyzed, and would use JIT compilation for the join, which takes half a second.
 */
export const SINGLE_ROWS = '(SELECT * FROM oauth_store LIMIT 1) AS store CROSS JOIN (SELECT * FROM oauth_settings LIMIT 1) AS settings'

/**
 * Returns the first row of a table that always has one.
 *
 * @throws StoreUnavailableError if it has none, as after an incomplete restore
 */
export function firstOf ([row]: readonly Row[]): Row {
  if (row === undefined) throw new StoreUnavailableError(new Error('A row that every migrated database has is missing. Restore the tables "oauth_store", "oauth_settings", "oauth_sentinel", "oauth_feeds" and "oauth_key_sets" completely'))
  return row
}

/** Returns whether a string can be stored. PostgreSQL rejects NUL, so that no row contains it. */
export function isText (value: string): boolean {
  return !value.includes('\u0000')
}

/** Compares the keys of rows. All transactions lock several rows in this order, to avoid deadlocks. */
export function lockOrder (one: string, other: string): number {
  return one < other ? -1 : Number(one > other)
}
