// What the processes on a store must agree on, and what commands owe to stores of revocations beside it.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { hostname, userInfo } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import Database from 'libsql'
import pg from 'pg'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, ClientRegistry, JwtAccessTokens, SigningKeys, StoreUnavailableError } from '../../plugin/index.ts'
import type { JwtAccessTokensOptions } from '../../src/access-token/jwt-access-tokens.ts'
import type { SigningKeysOptions } from '../../src/adapter.ts'
import type { SettingsStore } from '../../src/stores/contracts/index.ts'
import { withKnownOutcome } from '../../src/cli/unknown-outcome.ts'
import { postgresStore } from '../../src/stores/postgres.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import type { SqlStore } from '../../src/stores/sqlite.ts'
import { CLI_USER, runCli } from '../support/cli.ts'
import { basic, FORM, TOKEN_PATH } from '../support/demo.ts'
import { startPostgres } from '../support/postgres.ts'
import { runCommandLine } from '../support/program.ts'
import { Release010 } from '../support/redis-010.ts'
import { closing, startRedis } from '../support/redis.ts'
import type { Server } from '../support/server.ts'

const DIFFER = { code: 'FST_OAUTH_SETTINGS_DIFFER' }
const pause = async (milliseconds: number) => { await new Promise((resolve) => { setTimeout(resolve, milliseconds) }) }

/** Servers and command lines over a SQLite file. */
async function overSqlite (t: Test, folder = t.testdir({}), name = 'auth.db') {
  const file = join(folder, name)
  const env = { OAUTH_STORE: `sqlite:${file}` }
  const typed = async (line: string) => await runCli(line, { env })
  const open = () => {
    const database = new Database(file)
    t.teardown(() => { database.close() })
    return sqliteStore(database)
  }
  t.equal((await typed('migrate')).code, 0)
  return { folder, file, open, typed }
}

/** Starts the part of a server that compares the settings. */
async function start (store: SqlStore, { tokens = {}, ...keys }: SigningKeysOptions & { tokens?: Partial<JwtAccessTokensOptions> } = {}): Promise<void> {
  await new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://api.example', keys: new SigningKeys(store, keys), revocations: store, ...tokens }).start()
}

test('Settings are shown as servers have registered them', async (t) => {
  const { open, typed } = await overSqlite(t)
  const before = await typed('settings show')
  t.match(before, { code: 0, stderr: '', stdout: /^No server has registered its settings yet\n\nstore +\S+\nstores of revocations +none\nlongest token lifetime +0 s\n/ })
  await start(open(), { algorithm: 'EdDSA' })
  const { storeId, version } = await open().readSettings()
  const { stdout } = await typed('settings show')
  t.match(stdout, /^NAME +AGREED +PENDING\njwt\.clockTolerance +5\n/)
  t.match(stdout, /^keys\.algorithm +EdDSA$/m)
  t.match(stdout, new RegExp(`^jwt\\.revocations +${storeId}$`, 'm'))
  t.match(stdout, /^longest token lifetime +86400 s\nlargest clock tolerance +60 s\nupgrade from 0\.1\.0 +finished$/m)
  t.match(JSON.parse((await typed('settings show --json')).stdout), { version, storeId, agreed: { 'keys.algorithm': 'EdDSA', 'keys.announceFor': 3600 }, isUpgrading: false, revocationStores: [storeId] })
})

test('A value becomes pending, then agreed, by the step that the error of a differing server names', async (t) => {
  const { open, typed } = await overSqlite(t)
  await start(open())
  const error = await start(open(), { algorithm: 'RS256' }).catch((reason: Error) => reason)
  t.match(error, DIFFER)
  const [, step = ''] = /fastify-client-credentials (settings change \S+)$/.exec((error as Error).message) ?? []
  t.match(await typed(step), { code: 0, stdout: '', stderr: /pending.*settings change --finish\n$/ })
  t.match((await typed('settings show')).stdout, /^keys\.algorithm +ES256 +RS256$/m)
  await t.resolves(start(open()), 'a server with the agreed value')
  await t.resolves(start(open(), { algorithm: 'RS256' }), 'and one with the pending value work side by side')
  await t.rejects(start(open(), { algorithm: 'EdDSA' }), DIFFER)

  t.match(await typed('settings change keys.announceFor=2h jwt.clockTolerance=10s'), { code: 0 })
  t.strictSame((await open().readSettings()).pending, { 'keys.algorithm': 'RS256', 'keys.announceFor': 7200, 'jwt.clockTolerance': 10 }, 'beside what is pending')
  t.match(await typed('settings change jwt.clockTolerance=5'), { code: 0 })
  t.strictSame((await open().readSettings()).pending, { 'keys.algorithm': 'RS256', 'keys.announceFor': 7200 }, 'the agreed value takes it back')
  t.match(await typed('settings change keys.algorithm=RS256'), { code: 0, stderr: /already/ })

  t.match(await typed('settings change --finish'), { code: 0, stdout: '', stderr: 'The settings are agreed on\n' })
  await t.rejects(start(open()), DIFFER, 'a server with the old value')
  await t.resolves(start(open(), { algorithm: 'RS256', announceFor: 7200 }))
  t.match(await typed('settings change --finish'), { code: 0, stderr: 'There is nothing to finish\n' })

  t.match(await typed('settings change keys.algorithm=EdDSA'), { code: 0 })
  t.match(await typed('settings change --cancel'), { code: 0, stderr: 'The pending settings are dropped\n' })
  t.match(await typed('settings change --cancel'), { code: 0, stderr: 'No setting is pending\n' })
  for (const value of ['some-other-store', 'none', (await open().readSettings()).storeId]) t.equal((await typed(`settings change jwt.revocations=${value}`)).code, 0)
  t.equal((await open().readSettings()).pending, undefined, 'the agreed value takes back the last one that is pending')
  await t.rejects(start(open(), { algorithm: 'EdDSA', announceFor: 7200 }), DIFFER)

  const records = await open().listAudit({ limit: 100 })
  t.strictSame(records.toReversed().map(({ id, change }) => `${id} ${change}`), [
    'keys.algorithm changed', 'keys.announceFor jwt.clockTolerance changed', 'jwt.clockTolerance changed', 'keys.algorithm keys.announceFor finished',
    'keys.algorithm changed', 'keys.algorithm cancelled', ...Array(3).fill('jwt.revocations changed')
  ])
  for (const { object, actor } of records) t.strictSame([object, actor], ['settings', { kind: 'user', ...CLI_USER }])
  t.match(records.at(-2)!.details, { values: { 'keys.announceFor': 7200, 'jwt.clockTolerance': 10 } })
})

test('A value that no server has, or that servers reject, is not set', async (t) => {
  const { open, typed } = await overSqlite(t)
  t.match(await typed('settings change keys.algorithm=RS256'), { code: 1, stderr: /No server has registered keys.algorithm yet/ })
  await start(open())
  t.match(await typed('settings change opaque.maxTokenLifetime=1h'), { code: 1, stderr: /No server has registered opaque.maxTokenLifetime yet/ })
  t.match(await typed('settings change keys.announceFor=31d'), { code: 2, stderr: /keys.rotateEvery \(2592000\) must be greater than keys.announceFor \(2678400\)/ })
  t.match(await typed('settings change keys.announceFor=31d keys.rotateEvery=60d'), { code: 0 })
  t.match(await typed('settings change jwt.revocations=null'), { code: 0 })
  t.match((await open().readSettings()).pending, { 'jwt.revocations': null })
})

test('Settings that are changed at the same time are all changed', async (t) => {
  const { open, typed } = await overSqlite(t)
  await start(open())
  const store = open()
  // Another command between the read and the write of this one.
  const { replaceSettings } = Object.getPrototypeOf(store) as SqlStore
  let isFirst = true
  t.teardown(() => { Object.getPrototypeOf(store).replaceSettings = replaceSettings })
  Object.getPrototypeOf(store).replaceSettings = async function (this: SqlStore, ...args: Parameters<SettingsStore['replaceSettings']>) {
    if (isFirst) {
      isFirst = false
      t.equal((await typed('settings change jwt.clockTolerance=10')).code, 0)
    }
    return await replaceSettings.apply(this, args)
  }
  t.equal((await typed('settings change keys.clockTolerance=30')).code, 0)
  t.strictSame((await store.readSettings()).pending, { 'jwt.clockTolerance': 10, 'keys.clockTolerance': 30 })

  Object.getPrototypeOf(store).replaceSettings = async () => false
  t.match(await typed('settings change --finish'), { code: 1, stderr: /others change them all the time/ })
})

test('A store of revocations is retired once no setting names it', async (t) => {
  const { folder, open, typed } = await overSqlite(t)
  const other = await overSqlite(t, folder, 'revocations.db')
  await start(open(), { tokens: { revocations: other.open() } })
  const { storeId: id } = await other.open().readSettings()
  t.strictSame((await open().readSettings()).revocationStores, [id])
  t.match(await typed('settings retire-store nonsense'), { code: 1, stderr: /No store with the id "nonsense" is registered/ })
  t.match(await typed(`settings retire-store ${id}`), { code: 1, stderr: /jwt.revocations names it/ })
  t.equal((await typed('settings change jwt.revocations=none')).code, 0)
  t.match(await typed(`settings retire-store ${id}`), { code: 1, stderr: /jwt.revocations names it/ })
  t.equal((await typed('settings change --finish')).code, 0)
  t.match(await typed(`settings retire-store ${id}`), { code: 0, stderr: `The store ${id} is retired\n` })
  t.strictSame((await open().readSettings()).revocationStores, [])
  t.match((await typed('audit list --limit 1')).stdout, new RegExp(`settings +${id} +store_retired`))
})

test('During an upgrade, tokens are revoked for processes of 0.1.0 too, in every registered store, or nothing is changed', async (t) => {
  const { folder, file, open, typed } = await overSqlite(t)
  const other = await overSqlite(t, folder, 'revocations.db')
  const store = open()
  const cutOffs = async (of: SqlStore) => (await of.listRevocations()).entries.map(({ kind, id }) => `${kind} ${id}`)
  for (const id of ['a', 'b', 'c']) t.equal((await typed(`client add ${id}`)).code, 0)
  await store.replaceSettings({ ...await store.readSettings(), isUpgrading: true })
  t.match((await typed('settings show')).stdout, /^upgrade from 0\.1\.0 +not finished: settings change --finish$/m)
  const records = async () => (await store.listAudit({ limit: 100 })).length
  const before = await records()
  const unchanged = async (line: string, problem: RegExp) => {
    t.match(await typed(line), { code: 1, stdout: '', stderr: problem }, line)
    t.equal(await records(), before)
    t.strictSame([await cutOffs(store), await cutOffs(other.open())], [[], []])
  }
  const lines = ['client disable a', 'client remove a', 'client revoke-tokens a', 'tokens revoke-all']
  // Servers of 0.1.0 register nothing.
  for (const line of lines) await unchanged(line, /^Processes of release 0.1.0 may run, and no server has registered the store .*--revocations or OAUTH_REVOCATIONS.*settings change --finish\n$/)
  t.equal((await typed(`client revoke-tokens a --revocations sqlite:${file}`)).code, 0, 'the store itself')
  t.strictSame(await cutOffs(store), ['client a'])

  await start(store, { tokens: { revocations: other.open() } })
  const { storeId } = await other.open().readSettings()
  for (const line of lines) {
    for (const option of ['', ` --revocations sqlite:${file}`]) t.match(await typed(`${line}${option}`), { code: 1, stderr: new RegExp(`another store, with the id ${storeId}\\. Nothing was changed\\. Name each such store by --revocations or OAUTH_REVOCATIONS.*settings change --finish\\n$`) })
  }
  t.match(await typed('client disable a --revocations sqlite:missing.db'), { code: 1, stderr: /There is no file/ })
  t.equal((await typed('client enable a')).code, 0, 'what revokes no token needs no other store')
  t.strictSame([await cutOffs(store), await cutOffs(other.open())], [['client a'], []])

  const given = ` --revocations sqlite:${other.file}`
  t.equal((await typed(`client disable b${given}`)).code, 0)
  t.equal((await typed(`client remove c${given}`)).code, 0)
  t.match(await typed('client show c'), { code: 1 })
  t.equal((await typed(`tokens revoke-all${given}`)).code, 0)
  t.strictSame([await cutOffs(store), await cutOffs(other.open())], [['client a', 'client b', 'client c', 'client a', 'client b'], ['client b', 'client c', 'client a', 'client b']])
  const [cutOff] = (await other.open().listRevocations()).entries
  const time = Math.floor(Date.now() / 1000)
  t.ok(cutOff?.kind === 'client' && cutOff.issuedBefore > time && cutOff.expiresAt > time + 86_400, 'those that it issues until it has read that the client is disabled')

  t.match(await typed('settings change --finish'), { code: 0, stderr: /^The settings are agreed on\nThe upgrade from release 0.1.0 is finished/ })
  const written = (await cutOffs(store)).length
  for (const line of ['client disable a', 'client revoke-tokens b', 'tokens revoke-all']) t.equal((await typed(line)).code, 0, line)
  t.equal((await cutOffs(store)).length, written, 'by the store of the clients alone')
})

test('A cut-off that fails is no success, and the same command can be run again', async (t) => {
  const { file, open, typed } = await overSqlite(t)
  const store = open()
  for (const id of ['a', 'b']) await typed(`client add ${id}`)
  await store.replaceSettings({ ...await store.readSettings(), isUpgrading: true })
  const prototype = Object.getPrototypeOf(store) as SqlStore
  const { addRevocation } = prototype
  t.teardown(() => { prototype.addRevocation = addRevocation })
  prototype.addRevocation = async () => { throw new Error('disk full') }
  const given = ` --revocations sqlite:${file}`
  const failed = { code: 1, stdout: '', stderr: /^Processes of this release reject the tokens, but those of 0.1.0 may not. Run the same command again, which is safe: disk full\n$/ }
  for (const line of ['client disable a', 'client remove b', 'client revoke-tokens a', 'tokens revoke-all']) t.match(await typed(line + given), failed, line)
  prototype.addRevocation = addRevocation
  t.equal((await typed(`client remove b${given}`)).code, 0)
  t.strictSame((await store.listRevocations()).entries.map(({ id }) => id), ['b'])
})

/** A server as the documentation has it for many processes: clients and keys in PostgreSQL, revocations in Redis. */
async function serve (t: Test, url: string, redisUrl: string) {
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', () => {})
  const store = postgresStore(pool)
  const revocations = redisStore(closing(t, new Redis(redisUrl)))
  const keys = new SigningKeys(store)
  const clients = new ClientRegistry(store)
  const tokens = new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://api.example', keys, revocations })
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH }).setScopes({ read: 'Read' }).useClients(clients).useAccessTokens(tokens).build()
  const app = Fastify()
  t.teardown(async () => {
    await app.close()
    await pool.end()
  })
  await app.register(clientCredentialsPlugin, { flow })
  app.get('/data', { preHandler: app.requireScopes() }, async () => 'data')
  await app.ready()
  return {
    clients,
    store,
    revocations,
    async token (id: string, secret: string): Promise<string> {
      const answer = await app.inject({ method: 'POST', url: TOKEN_PATH, headers: { authorization: basic(id, secret), 'content-type': FORM }, payload: 'grant_type=client_credentials' })
      return answer.json().access_token
    },
    use: async (token: string) => (await app.inject({ url: '/data', headers: { authorization: `Bearer ${token}` } })).statusCode
  }
}

test('The program revokes the tokens of a client in PostgreSQL, whose servers keep revocations in Redis', async (t) => {
  const [{ url }, redis] = await Promise.all([startPostgres(t), startRedis(t)])
  const env = { OAUTH_STORE: url }
  t.equal((await runCommandLine(['migrate'], env)).code, 0)
  const [one, other] = [await serve(t, url, redis.url), await serve(t, url, redis.url)]
  const rejected = async (token: string) => {
    await pause(1000)
    return [await one.use(token), await other.use(token)]
  }
  for (const line of ['client disable billing --revoke-tokens', 'client revoke-tokens billing', 'client remove billing', 'tokens revoke-all']) {
    const id = line.includes('billing') ? 'billing' : 'reports'
    const { secret } = await one.clients.add({ id, scopes: ['read'] })
    const token = await one.token(id, secret!.secret)
    t.strictSame([await one.use(token), await other.use(token)], [200, 200])
    const ran = await runCommandLine(line.split(' '), env)
    t.match(ran, { code: 0, stdout: '', stderr: /revoked\nEvery process on the store rejects the tokens within 1 second/ })
    t.strictSame(await rejected(token), [401, 401], line)
    await one.clients.remove('billing')
  }
  const [{ actor } = { actor: undefined }] = await one.store.listAudit({ limit: 1 })
  t.strictSame(actor, { kind: 'user', id: userInfo().username, host: hostname() })
})

test('During an upgrade, the program needs the Redis that servers have registered, and none once that is finished', async (t) => {
  const [{ url }, redis] = await Promise.all([startPostgres(t), startRedis(t)])
  const env = { OAUTH_STORE: url }
  const { clients, store, revocations } = await serve(t, url, redis.url)
  await store.replaceSettings({ ...await store.readSettings(), isUpgrading: true })
  await clients.add({ id: 'billing' })
  const now = () => Math.floor(Date.now() / 1000)
  const of010 = new Release010(closing(t, new Redis(redis.url)), { prefix: 'fcc:', now })
  const cutOffs = async () => (await of010.listRevocations(undefined)).revocations
  const id = await revocations.storeId()
  const typed = async (line: string, more: Record<string, string> = {}) => await runCli(line, { env: { ...env, ...more } })

  t.match(await typed('client revoke-tokens billing'), { code: 1, stderr: id })
  t.match(await typed(`client revoke-tokens billing --revocations ${redis.url}?prefix=other:`), { code: 1, stderr: id }, 'another one')
  t.match(await typed('client revoke-tokens billing --revocations redis://:p%40ss@127.0.0.1:1/0'), { code: 1, stderr: /^A store of --revocations or OAUTH_REVOCATIONS is not available, and nothing was changed: .*ECONNREFUSED/ })
  t.match(await typed('client revoke-tokens billing', { OAUTH_REVOCATIONS: 'redis://:p%40ss@127.0.0.1:1/0' }), { code: 1, stderr: /^(?!.*p%40ss)/ })
  t.strictSame([await cutOffs(), await clients.find('billing').then((client) => client?.isDisabled)], [[], false])

  t.equal((await runCommandLine(['client', 'revoke-tokens', 'billing'], { ...env, OAUTH_REVOCATIONS: `${redis.url}/0?prefix=fcc:` })).code, 0)
  const [cutOff] = await cutOffs()
  t.match(cutOff, { kind: 'client', id: 'billing' })
  t.ok(cutOff?.kind === 'client' && cutOff.issuedBefore > now() - 60, 'with the member that 0.1.0 compares')
  t.equal((await typed(`client disable billing --revocations ${redis.url},sqlite:nonsense.db`)).code, 1, 'each that is named must be there')
  t.equal((await typed(`client disable billing --revocations ${redis.url}`)).code, 0)
  t.equal((await cutOffs()).length, 2)

  t.equal((await typed('settings change --finish')).code, 0)
  await redis.stop()
  t.equal((await typed('client revoke-tokens billing')).code, 0)
  await redis.start()
})

/** Starts a line to PostgreSQL, which is cut around the next COMMIT: before it arrives, or before its answer comes back. */
async function startLine (t: Test, { port }: Server): Promise<{ url: string, cut: 'before' | 'after' | undefined }> {
  const line = { url: '', cut: undefined as 'before' | 'after' | undefined }
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    let isCut = false
    const end = () => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) socket.on('error', end).on('close', end)
    near.on('data', (sent) => {
      if (line.cut === undefined || !sent.includes('COMMIT\0')) return far.write(sent)
      if (line.cut === 'before') return end()
      isCut = true
      far.write(sent)
    })
    far.on('data', (answer) => isCut ? end() : near.write(answer))
  }).listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  await once(server, 'listening')
  line.url = `postgres://postgres@127.0.0.1:${(server.address() as AddressInfo).port}/postgres`
  return line
}

test('Only a write whose answer is lost has an unknown outcome', async (t) => {
  const failing = (cause: unknown) => withKnownOutcome({
    url: 'a',
    replaceKeys: async () => { throw new StoreUnavailableError(cause) },
    readKeys: async () => { throw new StoreUnavailableError(cause) }
  }, 'Run it again.')
  t.equal(failing(undefined).url, 'a')
  for (const cause of [new Error('Connection terminated unexpectedly'), { code: '57P01', severity: 'FATAL' }, { code: '08006', severity: 'ERROR' }, new Error('Redis did not answer within 2000 ms'), undefined]) {
    await t.rejects(failing(cause).replaceKeys(), { message: 'It is not known whether the change was made. Run it again.' })
    await t.rejects(failing(cause).readKeys(), { name: 'StoreUnavailableError' })
  }
  for (const cause of [
    { code: '42P01', severity: 'ERROR' }, Object.assign(new Error('x'), { name: 'ReplyError' }), { syscall: 'connect', code: 'ECONNREFUSED' }, { syscall: 'getaddrinfo' }, { code: 'SQLITE_BUSY' },
    { code: 'ERR_SQLITE_ERROR' }
  ]) await t.rejects(failing(cause).replaceKeys(), { name: 'StoreUnavailableError' })
  await t.rejects(withKnownOutcome({ replaceKeys: async () => { throw new TypeError('a fault') } }, '').replaceKeys(), { message: 'a fault' })
})

test('A connection that is lost during a change leaves its outcome unknown: the command says so, and what to do', async (t) => {
  const postgres = await startPostgres(t)
  const line = await startLine(t, postgres)
  const typed = async (text: string) => await runCli(text, { env: { OAUTH_STORE: line.url } })
  const isUnknown = (advice: RegExp) => ({ code: 1, stdout: '', stderr: new RegExp(`^It is not known whether the change was made\\. ${advice.source}.*: The store is not available: .+\\n$`) })
  const again = /Run the same command again, which is safe/
  t.equal((await typed('migrate')).code, 0)
  for (const cut of ['before', 'after'] as const) {
    t.equal((await typed(`client add ${cut}`)).code, 0)
    const { id: secretId } = JSON.parse((await typed(`client rotate ${cut} --json`)).stdout).secret
    const kid = JSON.parse((await typed('keys rotate --json')).stdout).kid
    for (const [text, advice] of [
      [`client disable ${cut}`, again],
      [`client revoke-tokens ${cut}`, again],
      [`client update ${cut} --name X`, again],
      [`client rotate ${cut}`, again],
      [`client revoke-secret ${cut} ${secretId}`, again],
      [`client remove ${cut}`, /Run the same command again, which is safe: where there is no such client, it was removed/],
      [`client add new-${cut}`, /List the clients: client list/],
      ['tokens revoke-all', again],
      [`keys revoke ${kid}`, again]
    ] as const) {
      line.cut = cut
      t.match(await typed(text), isUnknown(advice), `${text}, cut ${cut}`)
      line.cut = undefined
    }
    // It may have been made.
    const ifMade = cut === 'after' ? 1 : 0
    t.equal((await typed(`client show ${cut}`)).code, ifMade)
    t.equal((await typed(`client remove ${cut}`)).code, ifMade)
    t.equal((await typed(`client add new-${cut}`)).code, ifMade)
    t.equal((await typed(`keys revoke ${kid}`)).code, ifMade)
  }
  // An answer of the database is no lost connection.
  const pool = new pg.Pool({ connectionString: postgres.url })
  pool.on('error', () => {})
  await pool.query('ALTER TABLE oauth_entries RENAME TO renamed')
  t.match(await typed('tokens revoke-all'), { code: 1, stderr: /^The store is not available: .*oauth_entries/ })
  await pool.end()
})
