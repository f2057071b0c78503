/** What a statement is given, each in the place of a "?". Lists only by {@link Dialect.list}. */
export type Value = string | number | null | readonly string[]

/** A statement and its values. Its text is one of a few that the code is written with, never made of what comes in. */
export type Statement = readonly [text: string, ...values: Value[]]

/** A row of an answer. Numbers may come as text or as bigint: read them by Number. */
export type Row = Readonly<Record<string, unknown>>

/** The statements of a transaction, one after the other: each is yielded, and its rows come back. */
export type Steps<T> = Generator<Statement, T, readonly Row[]>

/** Where the SQL of the databases differs. */
export interface Dialect {
  /** A column of text that is compared byte by byte. */
  text: string
  /** Begins a migration in its transaction: one process at a time. */
  lock?: string
  /** Has a row when the tables were made. */
  hasTables: string
  /** What holds of a column whose value is in a list, which is one "?". */
  among (column: string): string
  list (values: readonly string[]): Value
  /** Behind a SELECT of rows that are to be deleted: leaves those alone that somebody has in hand. */
  skipLocked: string
  /** Behind a SELECT of rows that nobody else may change or delete before the transaction ends. */
  keep: string
}

/** A database, as the store needs it. Every error of its driver rejects as StoreUnavailableError. */
export interface SqlDatabase {
  readonly dialect: Dialect
  rows (statement: Statement): Promise<readonly Row[]>
  /** Runs all statements or none. What the steps throw undoes them, and rejects as it is. */
  transaction<T> (steps: Steps<T>): Promise<T>
}

/** A database as its driver brings it. */
export interface UnopenedDatabase extends SqlDatabase {
  /** Called before anything else, and again after a failure. */
  open (): Promise<void>
}
