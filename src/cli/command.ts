import type { ClientStore, KeyStore, RevocationStore } from '../store/index.ts'
import type { Io } from './io.ts'
import type { Values } from './values.ts'

/** An option as parseArgs takes it, and as `--help` shows it. */
export interface Option {
  type: 'string' | 'boolean'
  /** What stands behind the option in `--help`: `FILE`. */
  placeholder?: string
  description: string
}

/** What the commands need of a store. */
export interface CommandStore extends ClientStore, KeyStore, Pick<RevocationStore, 'addRevocation'> {
  /** Brings the tables to the newest version. */
  migrate (): Promise<{ from: number, to: number }>
}

/** A command that was typed. */
export interface Invocation {
  io: Io
  /** As many as the command has, those in brackets perhaps undefined. */
  operands: ReadonlyArray<string | undefined>
  values: Values
  isJson: boolean
  /**
   * Opens the store, and closes it when the work is done or has failed.
   *
   * @param options.mayCreate makes a SQLite file that is not there. Default false
   * @throws CommandError for a file that is not there, or a driver that is not installed
   */
  withStore<T> (work: (store: CommandStore) => Promise<T>, options?: { mayCreate?: boolean }): Promise<T>
}

/** A command of the command line. */
export interface Command {
  /** As it is typed: `client add`. */
  name: string
  /** What follows the name: `ID`, or `[ID]` for one that may be left out. */
  operands: readonly string[]
  summary: string
  /** What `--help` says beyond the summary, a paragraph each. */
  details?: readonly string[]
  options: Readonly<Record<string, Option>>
  /** Command lines without the name of the program. */
  examples: readonly string[]
  run (invocation: Invocation): Promise<void>
}
