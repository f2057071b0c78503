import type { AuditStore, ClientStore, EntryStore, KeyStore, RevocationStore, SettingsStore } from '../stores/contracts/index.ts'
import type { Io } from './io.ts'
import type { Values } from './values.ts'

/** An option in the format of parseArgs, with its text in `--help`. */
export interface Option {
  type: 'string' | 'boolean'
  /** The placeholder of the value in `--help`: `FILE`. */
  placeholder?: string
  description: string
}

/** The parts of a store that commands use. */
export interface CommandStore extends ClientStore, EntryStore, KeyStore, SettingsStore, AuditStore, Pick<RevocationStore, 'addRevocation'> {
  /** Migrates the tables to the newest version. */
  migrate (): Promise<{ from: number, to: number }>
}

/** A command with its arguments. */
export interface Invocation {
  io: Io
  /** The operands of the command. Optional ones may be undefined. */
  operands: ReadonlyArray<string | undefined>
  values: Values
  isJson: boolean
  /** The advice for an unknown outcome of a change. */
  advice: string
  /**
   * Opens the store, and closes it once the work has succeeded or failed.
   *
   * @param options.mayCreate creates a SQLite file that does not exist. Default false
   * @throws CommandError for a file that does not exist, or a driver that is not installed
   */
  withStore<T> (work: (store: CommandStore) => Promise<T>, options?: { mayCreate?: boolean }): Promise<T>
}

/** A command of the command line. */
export interface Command {
  /** The words that name it: `client add`. */
  name: string
  /** The operands: `ID`, `[ID]` for an optional one, `[ID...]` for any number. */
  operands: readonly string[]
  summary: string
  /** Further paragraphs of `--help`. */
  details?: readonly string[]
  options: Readonly<Record<string, Option>>
  /** Command lines without the name of the program. */
  examples: readonly string[]
  /** The advice for an unknown outcome of a change. Default: run the same command again. */
  advice?: string
  run (invocation: Invocation): Promise<void>
}
