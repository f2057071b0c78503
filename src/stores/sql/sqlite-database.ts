import { StoreUnavailableError } from '../../errors/store-unavailable.ts'
import type { Dialect, Row, Statement, Steps, UnopenedDatabase, Value } from './database.ts'

/** The part of a SQLite driver that is used here: node:sqlite (from Node 22.13), better-sqlite3 and libsql have it. */
export interface SqliteHandle {
  exec (sql: string): unknown
  prepare (sql: string): SqliteStatement
}

/** The part of a prepared statement of a SQLite driver that is used here. */
export interface SqliteStatement {
  all (...values: any[]): unknown[]
  run (...values: any[]): unknown
}

const QUERY = /^\s*SELECT\b/
const RETURNING = /\bRETURNING\b/

type Run = (values: readonly Value[]) => readonly Row[]

// Milliseconds to wait for another process that writes, which blocks the event loop. Writes take a few milliseconds.
const BUSY_TIMEOUT = 5000
// The number of attempts to change to WAL mode, and the milliseconds between.
const TRIES = 50
const PAUSE = 10

const DIALECT: Dialect = {
  text: 'TEXT',
  hasTables: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'oauth_schema'",
  among: (column) => `${column} IN (SELECT value FROM json_each(?))`,
  list: (values) => JSON.stringify(values),
  skipLocked: '',
  keep: '',
  lockRows: '',
  elements: 'json_each(?) AS element',
  least: (one, other) => `MIN(${one}, ${other})`,
  random: '(lower(hex(randomblob(16))))',
  addsRandomColumns: false
}

/**
 * A SQLite file, accessed by a handle of any supported driver. Everything runs synchronously, so that transactions cannot
 * interleave.
 */
export class SqliteDatabase implements UnopenedDatabase {
  readonly dialect = DIALECT
  readonly #handle: SqliteHandle
  readonly #prepared = new Map<string, Run>()

  constructor (handle: SqliteHandle) {
    this.#handle = handle
  }

  async open (): Promise<void> {
    this.#exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`)
    await this.#useWal()
    this.#exec('PRAGMA synchronous = NORMAL')
  }

  // The change to WAL mode needs an exclusive lock. If several processes start on a new file at the same time, SQLite fails
  // immediately, regardless of busy_timeout.
  async #useWal (): Promise<void> {
    const end = performance.now() + BUSY_TIMEOUT
    for (let left = TRIES - 1, isWal = false; !isWal; left--) {
      try {
        this.#exec('PRAGMA journal_mode = WAL')
        isWal = true
      } catch (error) {
        // The message of SQLITE_BUSY. The error codes differ between drivers.
        const isBusy = String((error as Error).cause).includes('database is locked')
        if (!isBusy || left === 0 || performance.now() >= end) throw error
        await new Promise((resolve) => { setTimeout(resolve, PAUSE) })
      }
    }
  }

  // Wraps a statement that writes in a transaction, so that BEGIN fails while another process writes: otherwise libsql would
  // leave the statement open until it is run again, which blocks every COMMIT.
  async rows (statement: Statement): Promise<readonly Row[]> {
    if (QUERY.test(statement[0])) return this.#run(statement)
    this.#exec('BEGIN IMMEDIATE')
    return this.#finish(one(statement))
  }

  // SQLite has no standby, so that no check is needed.
  async read (query: Statement): Promise<readonly Row[]> {
    return this.#run(query)
  }

  // In WAL mode, no transaction is lost if the process is killed, with any value of "synchronous". With NORMAL, a power loss
  // may lose the last ones (https://www.sqlite.org/pragma.html#pragma_synchronous). That is acceptable for tokens and
  // reservations, which are written with each request: a client requests another token. Transactions (keys, clients and
  // revocations) wait for the disk.
  async transaction<T> (steps: Steps<T>): Promise<T> {
    this.#exec('PRAGMA synchronous = FULL')
    try {
      this.#exec('BEGIN IMMEDIATE')
      return this.#finish(steps)
    } finally {
      this.#exec('PRAGMA synchronous = NORMAL')
    }
  }

  #finish<T> (steps: Steps<T>): T {
    try {
      let step = steps.next()
      while (step.done !== true) step = steps.next(this.#run(step.value))
      this.#exec('COMMIT')
      return step.value
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  #rollBack (): void {
    try {
      this.#exec('ROLLBACK')
    } catch {
      // SQLite has already rolled back, on an error such as a full disk.
    }
  }

  #run ([text, ...values]: Statement): readonly Row[] {
    try {
      return this.#prepare(text)(values)
    } catch (error) {
      throw new StoreUnavailableError(error)
    }
  }

  #prepare (text: string): Run {
    let run = this.#prepared.get(text)
    if (run === undefined) {
      const statement = this.#handle.prepare(text)
      // In better-sqlite3, all() accepts only statements that return rows, and get() would not run the others to completion.
      run = QUERY.test(text) || RETURNING.test(text)
        ? (values) => statement.all(...values) as Row[]
        : (values) => { statement.run(...values); return [] }
      this.#prepared.set(text, run)
    }
    return run
  }

  #exec (sql: string): void {
    try {
      this.#handle.exec(sql)
    } catch (error) {
      throw new StoreUnavailableError(error)
    }
  }
}

function * one (statement: Statement): Steps<readonly Row[]> {
  return yield statement
}
