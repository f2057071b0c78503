// Real processes over real databases: whatever they do at once, one key comes of it.
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'libsql'
import pg from 'pg'
import { test } from 'tap'
import type { Test } from 'tap'
import { SigningKeys } from '../../src/index.ts'
import type { KeyStore } from '../../src/stores/contracts/index.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import { startPostgres } from '../support/postgres.ts'
import { messageFrom, plainEnvironment } from '../support/program.ts'
import type { Order } from '../support/signing-process.ts'

const PROCESSES = 8
const ROTATIONS = 5
const SCRIPT = fileURLToPath(new URL('../support/signing-process.ts', import.meta.url))
// As in a deployment that changes the sealing key: half of the processes seal with another one than the rest.
const SEALING_KEYS = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]

async function startProcess (t: Test, env: Record<string, string>): Promise<ChildProcess> {
  const child = fork(SCRIPT, { execArgv: ['--import', 'tsx'], env: { ...plainEnvironment(), ...env } })
  t.teardown(async () => {
    if (child.exitCode !== null) return
    child.disconnect()
    await once(child, 'exit')
  })
  await messageFrom(child)
  return child
}

test(`${PROCESSES} processes over one store`, async (t) => {
  const { url } = await startPostgres(t)
  const file = join(t.testdir(), 'keys.db')
  const children = await Promise.all(Array.from({ length: PROCESSES }, (_, index) => startProcess(t, {
    SQLITE_FILE: file, POSTGRES_URL: url, SEALING_KEYS: (index % 2 === 0 ? SEALING_KEYS : SEALING_KEYS.toReversed()).join(' ')
  })))
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  t.teardown(() => pool.end())
  const database = new Database(file)
  t.teardown(() => database.close())
  const stores: Record<Order['store'], KeyStore> = { sqlite: sqliteStore(database), postgres: postgresStore(pool) }

  for (const name of ['sqlite', 'postgres'] as const) {
    /** Tells all processes the same at once. Each answers with a kid, or with what went wrong. */
    const tellAll = async (method: Order['method']): Promise<unknown[]> => await Promise.all(children.map(async (child) => {
      const answer = messageFrom(child)
      child.send({ store: name, method } satisfies Order)
      const { kid, error, cause } = await answer as { kid?: string, error?: string, cause?: string }
      return error === undefined ? kid : { error, cause }
    }))
    /** A key for each process. */
    const all = (kid: string) => Array.from({ length: PROCESSES }, () => kid)

    await t.test(`${name}: those that start at once on an empty store sign with one key`, async (t) => {
      const answers = await tellAll('current')
      const { keys } = await stores[name].readKeys()
      t.strictSame(answers, all(keys[0]!.kid))
      t.equal(keys.length, 1)
      t.type(keys[0]!.privateJwk, 'string', 'sealed')
    })

    await t.test(`${name}: those that rotate at once announce one key`, async (t) => {
      for (let rotation = 0; rotation < ROTATIONS; rotation++) {
        const before = await stores[name].readKeys()
        const answers = await tellAll('rotate')
        const after = await stores[name].readKeys()
        const added = after.keys.filter(({ kid }) => before.keys.every((key) => key.kid !== kid))
        t.equal(added.length, 1)
        t.strictSame(answers, all(added[0]!.kid))
        // As time does it: the key that was announced signs.
        const keys = after.keys.map((key, index) => ({ ...key, activeFrom: key.createdAt - 100 + index }))
        t.ok(await stores[name].replaceKeys({ version: after.version, keys }))
      }
    })

    await t.test(`${name}: processes that seal with different keys leave the store alone when there is nothing to do`, async (t) => {
      await tellAll('refresh')
      const before = await stores[name].readKeys()
      for (let round = 0; round < 5; round++) t.strictSame(await tellAll('refresh'), Array.from({ length: PROCESSES }))
      t.strictSame(await stores[name].readKeys(), before)
      t.ok(await new SigningKeys(stores[name], { sealingKeys: SEALING_KEYS }).current(), 'and all can be opened')
    })
  }
})
