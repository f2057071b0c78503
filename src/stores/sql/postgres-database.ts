import { createHash } from 'node:crypto'
import { StoreUnavailableError } from '../../errors/store-unavailable.ts'
import type { Dialect, Row, Statement, Steps, UnopenedDatabase } from './database.ts'

/** The part of a Pool of pg that is used here. */
export interface PostgresPool {
  /** The number of connections. A Client does not have this member. */
  readonly totalCount: number
  query (query: PostgresQuery): Promise<{ rows: any[] }>
  connect (): Promise<PostgresClient>
}

/** The part of a connection of a Pool of pg that is used here. */
export interface PostgresClient {
  query (query: PostgresQuery): Promise<{ rows: any[] }>
  /** @param isBroken closes the connection */
  release (isBroken?: boolean): void
  on (event: 'error', listener: (error: Error) => void): unknown
  off (event: 'error', listener: (error: Error) => void): unknown
}

/** A query in the format of pg. */
export interface PostgresQuery {
  /** Prepares the statement under this name, and keeps it on the connection. */
  name?: string
  text: string
  values: any[]
}

const DIALECT: Dialect = {
  text: 'TEXT COLLATE "C"',
  // The id of the lock: "oauth" in ASCII.
  lock: 'SELECT pg_advisory_xact_lock(478560413032)',
  // Does not use to_regclass: within a transaction that has waited for its lock, it may not see tables that were created
  // meanwhile.
  hasTables: "SELECT 1 FROM pg_class WHERE relname = 'oauth_schema' AND pg_table_is_visible(oid)",
  among: (column) => `${column} = ANY(?)`,
  list: (values) => values,
  skipLocked: ' FOR UPDATE SKIP LOCKED',
  keep: ' FOR SHARE',
  lockRows: ' FOR UPDATE',
  elements: 'json_array_elements(CAST(? AS json)) AS element(value)',
  least: (one, other) => `LEAST(${one}, ${other})`,
  random: 'gen_random_uuid()::text',
  addsRandomColumns: true,
  clock: 'EXTRACT(EPOCH FROM clock_timestamp())',
  // The first eight digits in the name of a WAL file are its timeline. Every role may call both functions.
  timeline: 'substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)'
}

// Always returns at least one row, so that an empty result of a standby can be distinguished from no matching rows.
const onPrimary = (query: string, orderBy: string): string => `
  SELECT server.is_standby, found.* FROM pg_is_in_recovery() AS server(is_standby)
  LEFT JOIN (SELECT TRUE AS is_found, answer.* FROM (${query}) AS answer) AS found ON TRUE${orderBy && ` ORDER BY ${orderBy}`}`

/** A PostgreSQL database by a pool of connections. */
export class PostgresDatabase implements UnopenedDatabase {
  readonly dialect = DIALECT
  readonly #pool: PostgresPool
  readonly #prepares: boolean
  readonly #queries = new Map<string, Omit<PostgresQuery, 'values'>>()

  constructor (pool: PostgresPool, { prepare }: { prepare: boolean }) {
    this.#pool = pool
    this.#prepares = prepare
  }

  // The pool connects on demand.
  async open (): Promise<void> {}

  async rows (statement: Statement): Promise<readonly Row[]> {
    return await this.#run(this.#pool, statement)
  }

  async read ([text, ...values]: Statement, orderBy = ''): Promise<readonly Row[]> {
    const rows = await this.#run(this.#pool, [onPrimary(text, orderBy), ...values])
    if (rows[0]?.['is_standby'] !== false) throw new StoreUnavailableError(new Error('The database is in recovery. Connect to the primary: a standby may lack what was acknowledged'))
    return rows.filter((row) => row['is_found'] !== null)
  }

  async transaction<T> (steps: Steps<T>): Promise<T> {
    const client = await this.#connect()
    // A broken connection already fails the current statement. Without a listener, the event would also end the process.
    client.on('error', ignore)
    let isBroken = true
    try {
      // Overrides the default of the database: at a stricter level, the second transaction would fail instead of reading the
      // changes of the first one.
      await this.#run(client, ['BEGIN ISOLATION LEVEL READ COMMITTED'])
      let step = steps.next()
      while (step.done !== true) step = steps.next(await this.#run(client, step.value))
      await this.#run(client, ['COMMIT'])
      isBroken = false
      return step.value
    } finally {
      client.off('error', ignore)
      // The server rolls back the unfinished transaction of a closed connection.
      client.release(isBroken)
    }
  }

  async #connect (): Promise<PostgresClient> {
    try {
      return await this.#pool.connect()
    } catch (error) {
      throw new StoreUnavailableError(error)
    }
  }

  async #run (connection: PostgresPool | PostgresClient, [text, ...values]: Statement): Promise<readonly Row[]> {
    try {
      return (await connection.query({ ...this.#toQuery(text), values })).rows
    } catch (error) {
      throw new StoreUnavailableError(error)
    }
  }

  #toQuery (text: string): Omit<PostgresQuery, 'values'> {
    let query = this.#queries.get(text)
    if (query === undefined) {
      let count = 0
      const numbered = text.replaceAll('?', () => `$${++count}`)
      // Several stores may share a connection, so that the name must be derived from the text.
      const name = `oauth_${createHash('sha256').update(numbered).digest('base64url')}`
      query = this.#prepares ? { name, text: numbered } : { text: numbered }
      this.#queries.set(text, query)
    }
    return query
  }
}

function ignore (): void {}
