import { execFile } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { appendFile, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { needCommand, POSTGRES } from '../support/debian.ts'
import { DatabaseNode, leash, plainUser, quietPort } from './database-node.ts'
import { TcpProxy } from './tcp-proxy.ts'
import { until } from './time.ts'

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // What was committed outlives the processes, but not the machine.
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '16MB',
  max_connections: '60',
  wal_keep_size: '64MB',
  wal_retrieve_retry_interval: '100ms'
}

interface Place { readonly folder: string, readonly port: number }

/** A PostgreSQL primary and its streaming standby, which change their roles at each failover. */
export class PostgresPair {
  readonly #folder: string
  readonly #bin: string
  readonly #user = plainUser()
  readonly #replication: TcpProxy
  #primary: Place
  #standby: Place
  readonly #running = new Map<Place, DatabaseNode>()

  private constructor (folder: string, bin: string, replication: TcpProxy, [one, other]: readonly [number, number]) {
    this.#folder = folder
    this.#bin = bin
    this.#replication = replication
    this.#primary = { folder: join(folder, 'a'), port: one }
    this.#standby = { folder: join(folder, 'b'), port: other }
  }

  static async start (): Promise<PostgresPair> {
    // Some machines link it into a folder of PATH that lacks the other programs.
    const bin = dirname(realpathSync(needCommand(POSTGRES)))
    const folder = await mkdtemp(join(tmpdir(), 'fastify-client-credentials-'))
    const pair = new PostgresPair(folder, bin, await TcpProxy.start(), [await quietPort(), await quietPort()])
    try {
      await pair.#create()
    } catch (error) {
      await pair.close()
      throw error
    }
    return pair
  }

  /** The port of the primary. */
  get port (): number {
    return this.#primary.port
  }

  /** The port of the standby. */
  get standbyPort (): number {
    return this.#standby.port
  }

  /** Runs one statement. @param port default that of the primary */
  async query (sql: string, port = this.port): Promise<Array<Record<string, unknown>>> {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }

  /**
   * Lets commits wait from now on until the standby has applied them, or not. Resolves when the standby has everything that
   * was committed before.
   */
  async synchronize (isSynchronous: boolean): Promise<void> {
    await this.query(`ALTER SYSTEM SET synchronous_standby_names = '${isSynchronous ? '*' : ''}'`)
    await this.query(`ALTER SYSTEM SET synchronous_commit = ${isSynchronous ? 'remote_apply' : 'on'}`)
    await this.query('SELECT pg_reload_conf()')
    const state = isSynchronous ? 'sync' : 'async'
    // Which commits wait is decided by the checkpointer, which may be late. It reads its settings before a checkpoint.
    await this.query('CHECKPOINT')
    let lsn: unknown
    await until(`the standby of PostgreSQL streams (${state})`, async () => {
      const [replica] = await this.query(`SELECT pg_current_wal_lsn() AS lsn, replay_lsn >= '${String(lsn ?? '0/0')}' AS has_it FROM pg_stat_replication WHERE sync_state = '${state}' AND state = 'streaming'`)
      const isDone = lsn !== undefined && replica?.['has_it'] === true
      lsn ??= replica?.['lsn']
      return isDone
    })
  }

  /** Cuts the replication: what is committed from now on is on the primary alone. */
  cutReplication (): void {
    this.#replication.leadTo()
  }

  /** Ends the primary with kill -9. */
  async killPrimary (): Promise<void> {
    const node = this.#running.get(this.#primary)
    this.#running.delete(this.#primary)
    await node?.kill()
  }

  /** Makes the standby the primary. @param command default what the server offers for it */
  async promote (command = async (): Promise<unknown> => await this.query('SELECT pg_promote(true, 30)', this.standbyPort)): Promise<void> {
    this.cutReplication()
    await command()
    const former = this.#primary
    this.#primary = this.#standby
    this.#standby = former
    await until('PostgreSQL is promoted', async () => (await this.query('SELECT pg_is_in_recovery() AS is_standby'))[0]?.['is_standby'] === false)
  }

  /** Makes a new standby, from a copy of the primary. */
  async addStandby (): Promise<void> {
    const { folder, port } = this.#standby
    await rm(folder, { recursive: true, force: true })
    this.#replication.leadTo(this.#primary.port)
    await this.#run('pg_basebackup', ['-d', `host=127.0.0.1 port=${this.#replication.port} user=postgres application_name=standby`, '-D', folder, '-R', '-c', 'fast', '--no-sync'])
    await this.#start(this.#standby, 'ready to accept read-only connections')
    // Once it is the primary, it has no standby at first.
    await this.query("ALTER SYSTEM SET synchronous_standby_names = ''", port)
    await this.query('SELECT pg_reload_conf()', port)
  }

  async close (): Promise<void> {
    this.#replication.close()
    for (const node of this.#running.values()) await node.stop('SIGQUIT')
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 10 })
  }

  async #create (): Promise<void> {
    const { folder } = this.#primary
    if (this.#user !== undefined) await chown(this.#folder, this.#user.uid, this.#user.gid)
    await this.#run('initdb', ['-D', folder, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale', 'C.UTF-8'])
    const lines = Object.entries(SETTINGS).map(([name, value]) => `${name} = '${value}'`)
    await appendFile(join(folder, 'postgresql.conf'), `\n${lines.join('\n')}\n`)
    await this.#start(this.#primary, 'ready to accept connections')
    await this.addStandby()
  }

  async #start (place: Place, ready: string): Promise<void> {
    const command = [...leash(this.#user), join(this.#bin, 'postgres'), '-D', place.folder, '-p', String(place.port)]
    this.#running.set(place, await DatabaseNode.start(command, { cwd: this.#folder, ready }))
  }

  async #run (program: string, args: readonly string[]): Promise<void> {
    const [file = '', ...rest] = [...leash(this.#user), join(this.#bin, program), ...args]
    await promisify(execFile)(file, rest, { cwd: this.#folder })
  }
}
