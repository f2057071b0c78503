import type { Dialect, Row, SqlDatabase, Statement, Steps, UnopenedDatabase } from './database.ts'
import { checkVersion, migrate } from './schema.ts'
import type { Migrated, Migration } from './schema.ts'

/** A database whose tables are migrated or checked before the first use. After a failure, the next use tries again. */
export class MigratedDatabase implements SqlDatabase {
  readonly dialect: Dialect
  readonly #database: UnopenedDatabase
  readonly #migrations: readonly Migration[]
  readonly #mayMigrate: boolean
  #ready: Promise<void> | undefined

  constructor (database: UnopenedDatabase, { migrations, mayMigrate }: { migrations: readonly Migration[], mayMigrate: boolean }) {
    this.dialect = database.dialect
    this.#database = database
    this.#migrations = migrations
    this.#mayMigrate = mayMigrate
  }

  async rows (statement: Statement): Promise<readonly Row[]> {
    await (this.#ready ??= this.#prepare())
    return await this.#database.rows(statement)
  }

  async read (query: Statement, orderBy?: string): Promise<readonly Row[]> {
    await (this.#ready ??= this.#prepare())
    return await this.#database.read(query, orderBy)
  }

  async transaction<T> (steps: Steps<T>): Promise<T> {
    await (this.#ready ??= this.#prepare())
    return await this.#database.transaction(steps)
  }

  async migrate (): Promise<Migrated> {
    await this.#database.open()
    return await migrate(this.#database, this.#migrations)
  }

  async #prepare (): Promise<void> {
    try {
      if (this.#mayMigrate) {
        await this.migrate()
      } else {
        await this.#database.open()
        await checkVersion(this.#database, this.#migrations)
      }
    } catch (error) {
      this.#ready = undefined
      throw error
    }
  }
}
