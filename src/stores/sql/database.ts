import { StoreUnavailableError } from '../../errors/store-unavailable.ts'

/** The value of a "?" in a statement. Lists only by {@link Dialect.list}. */
export type Value = string | number | null | readonly string[]

/** A statement and its values. Its text is one of a few that the code is written with, never built from input. */
export type Statement = readonly [text: string, ...values: Value[]]

/** A row of a result. Numbers may come as strings or as bigint: convert them by Number. */
export type Row = Readonly<Record<string, unknown>>

/** The statements of a transaction, one after the other: each is yielded, and its rows are returned. */
export type Steps<T> = Generator<Statement, T, readonly Row[]>

/** Where the SQL of the databases differs. */
export interface Dialect {
  /** A column of text that is compared byte by byte. */
  text: string
  /** Begins a migration in its transaction: one process at a time. */
  lock?: string
  /** Has a row once the tables were created. */
  hasTables: string
  /** A condition: the value of a column is in a list, which is one "?". */
  among (column: string): string
  list (values: readonly string[]): Value
  /** Behind a SELECT of rows that are to be deleted: leaves out those that another transaction has locked. */
  skipLocked: string
  /** Behind a SELECT of rows that no other transaction may change or delete before this one ends. */
  keep: string
  /** Behind a SELECT of rows that the transaction is going to change or delete. */
  lockRows: string
  /** The elements of a JSON array of arrays, which is one "?", in a FROM clause. `element.value ->> 0` is the first member of one. */
  elements: string
  /** The lesser of two expressions. */
  least (one: string, other: string): string
  /** A random string. */
  random: string
  /** Whether a column whose default is random can be added to a table. */
  addsRandomColumns: boolean
  /** The clock of the server in seconds since 1970, with their fraction. Undefined for a database that is part of this process. */
  clock?: string
  /** A string that changes with every failover and with every recovery to a point in time. Undefined where there is none. */
  timeline?: string
}

/** A database, as the store needs it. Every error of its driver rejects as StoreUnavailableError. */
export interface SqlDatabase {
  readonly dialect: Dialect
  rows (statement: Statement): Promise<readonly Row[]>
  /**
   * Runs a SELECT, and rejects with StoreUnavailableError on a standby, which may lack what was acknowledged.
   *
   * @param orderBy the order of the rows, by columns of the result, where it matters
   */
  read (query: Statement, orderBy?: string): Promise<readonly Row[]>
  /** Runs all statements or none. An error that the steps throw rolls them back, and rejects as it is. */
  transaction<T> (steps: Steps<T>): Promise<T>
}

/** A database as its driver provides it. */
export interface UnopenedDatabase extends SqlDatabase {
  /** Called before anything else, and again after a failure. */
  open (): Promise<void>
}

/**
 * The tables `store` and `settings`, which have one row each. PostgreSQL expects more than a thousand of a table that it has
 * never analyzed, and would compile the statement for all of them together, which takes half a second.
 */
export const SINGLE_ROWS = '(SELECT * FROM oauth_store LIMIT 1) AS store CROSS JOIN (SELECT * FROM oauth_settings LIMIT 1) AS settings'

/**
 * Returns the first row of a table that always has one.
 *
 * @throws StoreUnavailableError when it has none, as after an incomplete restore
 */
export function firstOf ([row]: readonly Row[]): Row {
  if (row === undefined) throw new StoreUnavailableError(new Error('A row that every migrated database has is missing. Restore the tables "oauth_store", "oauth_settings", "oauth_sentinel", "oauth_feeds" and "oauth_key_sets" completely'))
  return row
}

/** Whether a string can be stored. PostgreSQL rejects NUL: no row has it. */
export function isText (value: string): boolean {
  return !value.includes('\u0000')
}

/** Compares the keys of rows. All transactions lock several rows in this order, or two could wait for each other. */
export function lockOrder (one: string, other: string): number {
  return one < other ? -1 : Number(one > other)
}
