import { StoreUnavailableError } from '../../errors/store-unavailable.ts'
import type { Dialect, Row, Statement, Steps, UnopenedDatabase, Value } from './database.ts'

/** The part of a SQLite driver that is needed: node:sqlite (from Node 22.13), better-sqlite3 and libsql have it. */
export interface SqliteHandle {
  exec (sql: string): unknown
  prepare (sql: string): SqliteStatement
}

/** What is used of a prepared statement of a SQLite driver. */
export interface SqliteStatement {
  all (...values: any[]): unknown[]
  run (...values: any[]): unknown
}

const QUERY = /^\s*SELECT\b/
const RETURNING = /\bRETURNING\b/

type Run = (values: readonly Value[]) => readonly Row[]

// Milliseconds that another process which writes is waited for; the event loop waits too. Writers take a few milliseconds.
const BUSY_TIMEOUT = 5000
// How often the change to WAL is tried, and the milliseconds between.
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

/** A SQLite file by a handle of whatever driver. Everything runs at once: nothing comes between the steps of a transaction. */
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

  // The change to WAL needs the file alone. Where processes start on a new file at once, SQLite does not wait for the others,
  // whatever busy_timeout is, but fails at once.
  async #useWal (): Promise<void> {
    const end = performance.now() + BUSY_TIMEOUT
    for (let left = TRIES - 1, isWal = false; !isWal; left--) {
      try {
        this.#exec('PRAGMA journal_mode = WAL')
        isWal = true
      } catch (error) {
        // What SQLite has for SQLITE_BUSY; the drivers have codes of their own.
        const isBusy = String((error as Error).cause).includes('database is locked')
        if (!isBusy || left === 0 || performance.now() >= end) throw error
        await new Promise((resolve) => { setTimeout(resolve, PAUSE) })
      }
    }
  }

  // A statement that writes has a transaction around it, so that it is BEGIN that fails while another process writes: libsql
  // would leave the statement half done until it is run again, and no COMMIT of another would pass meanwhile.
  async rows (statement: Statement): Promise<readonly Row[]> {
    if (QUERY.test(statement[0])) return this.#run(statement)
    this.#exec('BEGIN IMMEDIATE')
    return this.#finish(one(statement))
  }

  // A file has no standby.
  async read (query: Statement): Promise<readonly Row[]> {
    return this.#run(query)
  }

  // In WAL mode no transaction is lost with the process, whatever "synchronous" is; NORMAL may lose the last ones with the
  // power (https://www.sqlite.org/pragma.html#pragma_synchronous). For tokens and reservations, which come with each
  // request, that is cheap to bear: a client asks for another token. What is in transactions, keys, clients and
  // revocations, waits for the disk.
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
      // SQLite has done so already, on an error such as a full disk.
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
      // better-sqlite3 has it that all() is for statements with rows only. get() would not run the others to their end.
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
