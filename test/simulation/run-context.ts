// What all parts of one run share.
import type { Database } from './database.ts'
import type { Ledger } from './ledger.ts'
import type { Network } from './network.ts'
import type { Config } from './plan.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { World } from './world.ts'

export interface RunContext {
  readonly world: World
  readonly config: Config
  readonly ledger: Ledger
  readonly network: Network
  /** The database of clients, keys and entries, and that of revocations and one-time values: perhaps the same. */
  readonly main: Database
  readonly second: Database
  readonly processes: SimulatedProcess[]
  /** Seconds. Changed by restarts with other options. */
  options: ProcessOptions
  /** How many writes the last backup of a database has. */
  readonly backups: Map<Database, number>
  isChangingOptions: boolean
  areFaultsOver: boolean
  /** Is called with what a server has told a resource server elsewhere: it stands for what the server itself would accept. */
  onServed?: (server: SimulatedProcess, served: { token?: string, keys?: readonly string[] }) => void
  violation (rule: string, message: string): void
}

/** Options that processes are started with. */
export interface ProcessOptions {
  readonly maxTokenLifetime: number
  readonly algorithm: 'ES256' | 'EdDSA'
}

export const ISSUER = 'https://as.example'
export const API = 'https://api.example'
