// Who has changed what: by the admin API and by the command line, seen by every server on the store.
import { join } from 'node:path'
import Fastify from 'fastify'
import type { FastifyInstance, InjectOptions } from 'fastify'
import Database from 'libsql'
import promClient, { Registry } from 'prom-client'
import { test } from 'tap'
import type { Test } from 'tap'
import { AuditFollower } from '../../plugin/audit-follower.ts'
import clientCredentialsPlugin, {
  auditLog, clientAdminPlugin, ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, MemoryStore, prometheusMetrics, SigningKeys,
  StoreUnavailableError
} from '../../plugin/index.ts'
import type { AuditRecord } from '../../src/adapter.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import type { SqlStore } from '../../src/stores/sqlite.ts'
import { CLI_USER, runCli } from '../support/cli.ts'
import { basic, FORM, TOKEN_PATH } from '../support/demo.ts'
import { recordEvents } from '../support/events.ts'
import { openStore } from '../support/open-store.ts'
import { startPostgres } from '../support/postgres.ts'

type Json = Record<string, any>

const MANAGE = 'clients:manage'

interface Server { app: FastifyInstance, clients: ClientRegistry, keys: SigningKeys, lines: Json[] }

/** A server on a store, with the lines of its log. */
async function serve (t: Test, store: SqlStore | MemoryStore, { hasAdmin = true } = {}): Promise<Server> {
  const clients = new ClientRegistry(store)
  const keys = new SigningKeys(store)
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH }).setScopes({ [MANAGE]: 'Administer' }).useClients(clients)
    .useAccessTokens(new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://api.example', keys, revocations: store })).build()
  const lines: Json[] = []
  const app = Fastify({ logger: { level: 'info', stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } } })
  t.teardown(async () => { await app.close() })
  await app.register(clientCredentialsPlugin, { flow })
  if (hasAdmin) await app.register(clientAdminPlugin, { clients, keys, prefix: '/admin' })
  await app.ready()
  return { app, clients, keys, lines }
}

const recordsIn = ({ lines }: Server): AuditRecord[] => lines.flatMap(({ oauth }) => oauth?.audit ?? [])
const saying = ({ object, id, change }: AuditRecord): string => `${object} ${id.replace(/ .*/, ' ID')} ${change}`

async function administrator ({ app, clients }: Server): Promise<(method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object) => Promise<Json>> {
  const { secret } = await clients.add({ id: 'root', scopes: [MANAGE] })
  const asked: InjectOptions = { method: 'POST', url: TOKEN_PATH, headers: { authorization: basic('root', secret!.secret), 'content-type': FORM }, payload: 'grant_type=client_credentials' }
  const { access_token: token } = (await app.inject(asked)).json()
  return async (method, path, payload) => {
    const answer = await app.inject({ method, url: `/admin${path}`, headers: { authorization: `Bearer ${token}` }, ...(payload && { payload }) })
    return { status: answer.statusCode, ...answer.body !== '' && { body: answer.json() } }
  }
}

/** Waits until something is so, and returns the milliseconds that it took. */
async function until (isSo: () => boolean): Promise<number> {
  const startedAt = performance.now()
  while (!isSo() && performance.now() - startedAt < 10_000) await new Promise((resolve) => { setTimeout(resolve, 5) })
  return performance.now() - startedAt
}

test('Changes by the admin API and by the command line are in the log of every server within a second, once', async (t) => {
  const file = join(t.testdir({}), 'auth.db')
  const open = () => {
    const database = new Database(file)
    t.teardown(() => { database.close() })
    return sqliteStore(database)
  }
  const [one, other] = [await serve(t, open()), await serve(t, open(), { hasAdmin: false })]
  const call = await administrator(one)
  const env = { OAUTH_STORE: `sqlite:${file}` }
  const events = recordEvents(t)
  const register = new Registry()
  t.teardown(prometheusMetrics(promClient, { register }))
  const audited: Json[] = []
  t.teardown(auditLog({ info: (line) => { audited.push(line) } }))
  t.teardown(auditLog(one.app.log))

  t.equal((await call('POST', '/clients', { client_id: 'billing' })).status, 201)
  for (const line of ['client disable billing', 'client enable billing', 'client update billing --name Billing', 'client rotate billing', 'client revoke-tokens billing', 'keys rotate', 'settings change jwt.clockTolerance=10', 'client remove billing']) {
    t.equal((await runCli(line, { env })).code, 0, line)
  }
  t.equal((await call('DELETE', '/tokens')).status, 204)
  const expected = [
    'client billing added', 'client billing disabled', 'client billing enabled', 'client billing updated', 'secret billing ID added', 'tokens billing revoked',
    `key ${(await one.keys.list())[1]!.kid} added`, 'settings jwt.clockTolerance changed', 'client billing removed', 'tokens  revoked'
  ]
  t.ok(await until(() => [one, other].every((server) => recordsIn(server).length >= expected.length)) < 1000)
  await new Promise((resolve) => { setTimeout(resolve, 1100) })
  for (const server of [one, other]) {
    const records = recordsIn(server)
    t.strictSame(records.map(saying), expected)
    const byApi = records.filter(({ actor }) => actor.kind === 'client')
    t.strictSame(byApi.map(saying), [expected[0], expected.at(-1)])
    t.match(byApi, [{ actor: { id: 'root' }, requestId: /^req-/ }, { actor: { id: 'root' }, requestId: /^req-/ }])
    for (const { actor, requestId } of records.slice(1, -1)) t.strictSame([actor, requestId], [{ kind: 'user', ...CLI_USER }, undefined])
    const second = server.lines.filter(({ oauth, audit }) => oauth?.by || audit?.event === 'administration.recorded')
    t.strictSame(second, [], 'no second line for the same change')
  }

  t.equal(events.filter(({ is }) => is === 'administration.recorded').length, 2 * expected.length, 'an event in each server')
  t.match(await register.metrics(), 'oauth_administration_total{object="client",change="disabled"} 2')
  t.equal(audited.filter(({ audit }) => audit.event === 'administration.recorded').length, 2 * expected.length)
  t.match(audited.find(({ audit }) => audit.change === 'added' && audit.event === 'administration.recorded'), { reqId: /^req-/, audit: { actor: { id: 'root' } } })

  const listed = await runCli('audit list --json', { env })
  const records = listed.stdout.trimEnd().split('\n').map((line) => JSON.parse(line))
  t.strictSame(records.map(saying), expected.toReversed())
  t.match(records[1], { time: /^\d{4}-.*Z$/, actor: { kind: 'user', ...CLI_USER } })
  t.match((await runCli('audit list', { env })).stdout, /^TIME +ACTOR +OBJECT +ID +CHANGE +REQUEST +DETAILS\n\S+ +client root +tokens +revoked +req-\S+\n\S+ +user alice@workstation +client +billing +removed\n/)
})

test('audit list is limited by number and by time, over as many pages as there are', async (t) => {
  const file = join(t.testdir({}), 'auth.db')
  const database = new Database(file)
  t.teardown(() => { database.close() })
  const store = sqliteStore(database)
  const env = { OAUTH_STORE: `sqlite:${file}` }
  const NOW = 1_800_000_000
  const record = (id: number, time: number): AuditRecord => ({ time, actor: { kind: 'client', id: 'root' }, object: 'client', id: String(id), change: 'updated' })
  for (let id = 0; id < 1100; id++) await store.addAuditRecord(record(id, NOW - 7200 + id))
  // By a clock that is behind.
  await store.addAuditRecord(record(1100, NOW - 7300))
  await store.addAuditRecord(record(1101, NOW))
  const ids = async (line: string) => (await runCli(`${line} --json`, { env, now: () => NOW })).stdout.split('\n').filter(Boolean).map((text) => Number(JSON.parse(text).id))
  t.equal((await ids('audit list')).length, 100)
  t.strictSame(await ids('audit list --limit 2'), [1101, 1100])
  t.strictSame((await ids('audit list --limit 1050')).slice(-1), [52])
  t.strictSame((await ids('audit list --since 2h')).length, 1101)
  t.strictSame(await ids('audit list --since 2h --limit 2'), [1101, 1099])
  t.strictSame(await ids('audit list --since 2027-01-15T08:00:00Z'), [1101])
  t.strictSame(await ids('audit list --since 2027-01-15T08:00:01Z'), [])
})

test('A server writes only what was recorded since it has started, and goes on after an outage', async (t) => {
  const store = new MemoryStore()
  const clients = new ClientRegistry(store)
  const by = { actor: { kind: 'client', id: 'root' } } as const
  await clients.add({ id: 'before' }, { by })
  const server = await serve(t, store)
  await clients.add({ id: 'first' }, { by })
  await until(() => recordsIn(server).length > 0)
  const { followAudit } = store
  let failures = 0
  store.followAudit = async () => {
    failures++
    throw new StoreUnavailableError(new Error('connect ECONNREFUSED'))
  }
  await clients.add({ id: 'meanwhile' }, { by })
  await until(() => failures > 1)
  store.followAudit = followAudit
  t.ok(await until(() => recordsIn(server).length > 1) < 1000)
  t.strictSame(recordsIn(server).map(saying), ['client first added', 'client meanwhile added'])
  t.notOk(server.lines.some(({ level }) => level > 30), 'silently')

  await server.app.close()
  failures = 0
  store.followAudit = async () => { throw new Error(`${++failures}`) }
  await new Promise((resolve) => { setTimeout(resolve, 1100) })
  t.equal(failures, 0, 'and ends with the server')
})

test('A store that does not answer delays the start of a server by a second at most', async (t) => {
  const store = new MemoryStore()
  store.followAudit = async () => await new Promise(() => {})
  const startedAt = performance.now()
  await serve(t, store)
  const took = performance.now() - startedAt
  t.ok(took > 900 && took < 3000, `${took} ms`)
})

test('Two plugins of one server follow a store once', async (t) => {
  const store = new MemoryStore()
  const lines: Json[] = []
  const app = Fastify({ logger: { level: 'info', stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } } })
  t.teardown(async () => { await app.close() })
  const clients = new ClientRegistry(store)
  const tokens = new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://api.example', keys: new SigningKeys(store) })
  for (const prefix of ['/one', '/two']) {
    await app.register(async (scope) => {
      const flow = new ClientCredentialsFlowBuilder().setScopes({ [MANAGE]: 'Administer' }).useClients(clients).useAccessTokens(tokens).build()
      await scope.register(clientCredentialsPlugin, { flow, prefix })
      await scope.register(clientAdminPlugin, { clients, prefix: `${prefix}/admin` })
    })
  }
  await app.ready()
  await clients.add({ id: 'a' }, { by: { actor: { kind: 'client', id: 'root' } } })
  const recorded = () => lines.filter(({ oauth }) => oauth?.audit)
  await until(() => recorded().length > 0)
  await new Promise((resolve) => { setTimeout(resolve, 700) })
  t.equal(recorded().length, 1)
})

test('However many records there are at once, each is written', async (t) => {
  const store = new MemoryStore()
  const ids: string[] = []
  const follower = new AuditFollower(store, { info: ({ oauth }: Json) => { ids.push(oauth.audit.id) } } as never)
  await follower.read()
  const expected = Array.from({ length: 2500 }, (_, index) => String(index))
  for (const id of expected) await store.addAuditRecord({ time: 1_800_000_000, actor: { kind: 'client', id: 'root' }, object: 'client', id, change: 'added' })
  await Promise.all([follower.read(), follower.read()])
  t.strictSame(ids, expected)
})

test('Where the store has lost records, those that follow are written, and none a second time', async (t) => {
  const { url } = await startPostgres(t)
  const store = openStore(url)
  const lines: Json[] = []
  const log = { info: (line: Json) => { lines.push(line) } }
  const follower = new AuditFollower(store, log as never)
  const add = async (id: string, time = Math.floor(Date.now() / 1000)) => await store.addAuditRecord({ time, actor: { kind: 'client', id: 'root' }, object: 'client', id, change: 'added' })
  const ids = () => lines.map(({ oauth }) => oauth.audit.id)
  await add('long ago', 1_700_000_000)
  await follower.read()
  await add('kept')
  await add('lost')
  await follower.read()
  t.strictSame(ids(), ['kept', 'lost'])
  const pool = new (await import('pg')).default.Pool({ connectionString: url })
  await pool.query("DELETE FROM oauth_audit WHERE body LIKE '%\"lost\"%'")
  await pool.query("UPDATE oauth_feeds SET position = position - 1 WHERE name = 'audit'")
  await pool.end()
  await add('after the loss')
  await add('and another')
  await follower.read()
  await follower.read()
  t.strictSame(ids(), ['kept', 'lost', 'after the loss', 'and another'])
  await add('as before')
  await follower.read()
  t.strictSame(ids().slice(4), ['as before'])
})
