import { createHash } from 'node:crypto'
import { StoreUnavailableError } from '../../errors/store-unavailable.ts'
import type { Dialect, Row, Statement, Steps, UnopenedDatabase } from './database.ts'

/** The part of a Pool of pg that is needed. */
export interface PostgresPool {
  /** How many connections it has: a mere Client says no such thing. */
  readonly totalCount: number
  query (query: PostgresQuery): Promise<{ rows: any[] }>
  connect (): Promise<PostgresClient>
}

/** What is used of a connection that a Pool of pg hands out. */
export interface PostgresClient {
  query (query: PostgresQuery): Promise<{ rows: any[] }>
  /** @param isBroken closes the connection */
  release (isBroken?: boolean): void
  on (event: 'error', listener: (error: Error) => void): unknown
  off (event: 'error', listener: (error: Error) => void): unknown
}

/** A query as pg takes it. */
export interface PostgresQuery {
  /** Prepares the statement under this name, and keeps it on the connection. */
  name?: string
  text: string
  values: any[]
}

const DIALECT: Dialect = {
  text: 'TEXT COLLATE "C"',
  // "oauth" in ASCII: locks have numbers.
  lock: 'SELECT pg_advisory_xact_lock(478560413032)',
  // Not by to_regclass: within a transaction that has waited for its lock it may know nothing yet of what was made meanwhile.
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

// One row at least comes back, with or without an answer: an empty result of a standby would be taken for the truth.
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

  // The pool connects as it needs to.
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
    // A connection that breaks fails the statement that runs; nobody needs to be told twice, and not by a crash.
    client.on('error', ignore)
    let isBroken = true
    try {
      // Whatever the default of the database is: a stricter level fails who comes second, instead of letting it see what the
      // first one did.
      await this.#run(client, ['BEGIN ISOLATION LEVEL READ COMMITTED'])
      let step = steps.next()
      while (step.done !== true) step = steps.next(await this.#run(client, step.value))
      await this.#run(client, ['COMMIT'])
      isBroken = false
      return step.value
    } finally {
      client.off('error', ignore)
      // The server undoes what a connection leaves unfinished.
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
      // Several stores may share a connection: their names agree where their texts do.
      const name = `oauth_${createHash('sha256').update(numbered).digest('base64url')}`
      query = this.#prepares ? { name, text: numbered } : { text: numbered }
      this.#queries.set(text, query)
    }
    return query
  }
}

function ignore (): void {}
