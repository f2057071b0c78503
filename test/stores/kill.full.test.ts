// A process that is killed in the middle of its work loses nothing that was acknowledged, and leaves nothing half done.
// KILLS says how often each store is put to the test; `npm run proof` asks for 100.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import type { Test } from 'tap'
import { ClientRegistry, SigningKeys } from '../../src/index.ts'
import { openStore } from '../support/open-store.ts'
import { startPostgres } from '../support/postgres.ts'
import { plainEnvironment } from '../support/program.ts'

const KILLS = Number(process.env.KILLS ?? 4)
const SEALING_KEYS = ['0'.repeat(64)]

/** Lets a process work on a store for a moment, and kills it. Resolves to what it said was done. */
async function workAndDie (url: string, run: number, delay: number): Promise<string[][]> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/support/dying-process.ts', url, String(run)], { env: plainEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] })
  const done: string[][] = []
  const lines = createInterface({ input: child.stdout })
  const ready = new Promise<void>((resolve) => lines.on('line', (line) => {
    if (line === 'ready') resolve()
    else done.push(line.split(' '))
  }))
  const closed = once(lines, 'close')
  await Promise.race([ready, once(child, 'exit')])
  await sleep(delay)
  child.kill('SIGKILL')
  await closed
  return done
}

async function proveDurability (t: Test, url: string): Promise<void> {
  const all: string[][] = []
  for (let run = 0; run < KILLS; run++) {
    // From the first moments on to several rounds of work.
    const done = await workAndDie(url, run, (run * 37) % 150)
    all.push(...done)
    const store = openStore(url)
    const registry = new ClientRegistry(store)
    const keys = await new SigningKeys(store, { sealingKeys: SEALING_KEYS }).list()

    const secrets = new Map<string, string>()
    const disabled = new Set<string>()
    for (const [what, name = '', secret = ''] of done) {
      if (what === 'announced') t.ok(keys.some(({ kid }) => kid === name), 'a key that was announced is there')
      if (what === 'imported') t.equal((await registry.list({ after: name, limit: 20 })).clients.filter(({ id }) => id.startsWith(name)).length, 20, 'a batch that was imported is there')
      if (what === 'added' || what === 'rotated') secrets.set(name, secret)
      if (what === 'disabled') disabled.add(name)
    }
    // The last of them may have been rotated, or disabled, without a word of it.
    for (const [id, secret] of [...secrets].slice(0, -1)) {
      if (disabled.has(id)) t.equal((await registry.find(id))?.isDisabled, true, 'a client that was disabled is')
      else t.ok(await registry.getClient({ clientId: id, clientSecret: secret, grantType: '', scope: undefined, clientAuthMethod: 'client_secret_basic', origin: '' }), 'a secret that was told works')
    }
    for (const id of secrets.keys()) t.equal((await registry.find(id))?.scopes.length, 1, 'a client that was added is there, whole')
  }

  // What was never acknowledged is there whole, or not at all.
  const registry = new ClientRegistry(openStore(url))
  const batches = new Map<string, number>()
  for (let after: string | undefined; ;) {
    const { clients, next } = await registry.list({ limit: 1000, ...(after !== undefined && { after }) })
    for (const { id, secrets } of clients) {
      t.ok(secrets.length > 0, id)
      const batch = /^(batch-\d+-\d+)-/.exec(id)?.[1]
      if (batch !== undefined) batches.set(batch, (batches.get(batch) ?? 0) + 1)
    }
    if (next === undefined) break
    after = next
  }
  t.ok([...batches.values()].every((count) => count === 20), 'every batch is whole')
  t.comment(`${KILLS} kills, ${all.length} changes acknowledged and found, ${batches.size} batches`)
  const keys = new SigningKeys(openStore(url), { sealingKeys: SEALING_KEYS })
  await keys.refresh()
  t.ok(await keys.current(), 'and it goes on')
}

test('SQLite outlives a process that is killed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kill-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  await proveDurability(t, `sqlite:${join(folder, 'auth.db')}`)
})

test('PostgreSQL outlives a process that is killed', async (t) => {
  await proveDurability(t, (await startPostgres(t)).url)
})
