import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose'
import Database from 'libsql'
import t from 'tap'
import type { Test } from 'tap'
import { JwtAccessTokens } from '../../src/access-token/jwt-access-tokens.ts'
import { keyBounds, secretBounds, TOKEN_BOUNDS } from '../../src/cli/bounds.ts'
import { COMMANDS } from '../../src/cli/commands/index.ts'
import { messageOf } from '../../src/cli/errors.ts'
import { readCsv } from '../../src/cli/import/csv.ts'
import { readJsonLines } from '../../src/cli/import/json-lines.ts'
import { Progress } from '../../src/cli/import/progress.ts'
import { decode, MAX_RECORD } from '../../src/cli/import/text.ts'
import { loadDriver } from '../../src/cli/load-driver.ts'
import { alignColumns } from '../../src/cli/output.ts'
import { hidePasswords } from '../../src/cli/redact-passwords.ts'
import { ClientRegistry } from '../../src/client-registry/client-registry.ts'
import { ClientCredentialsFlowBuilder } from '../../src/flow/client-credentials-flow-builder.ts'
import { SigningKeys } from '../../src/signing-keys/signing-keys.ts'
import type { SigningKeysOptions } from '../../src/signing-keys/signing-keys.ts'
import { sqliteStore } from '../../src/stores/sqlite.ts'
import type { SqlStore } from '../../src/stores/sqlite.ts'
import { runCli } from '../support/cli.ts'
import type { Conditions, Ran } from '../support/cli.ts'
import { pageTable, pageText } from '../support/pages.ts'
import { startPostgres } from '../support/postgres.ts'

const NOW = 1_800_000_000
const NOW_ISO = '2027-01-15T08:00:00Z'
const PEPPER = 'p'.repeat(32)
const SEALING_KEY = Buffer.alloc(32, 7).toString('base64url')
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a command line in this process. */
const cli = async (args: readonly string[], { now = () => NOW, ...conditions }: Conditions = {}) => await runCli(args, { now, ...conditions })

/** Command lines over a SQLite file of their own. */
async function overSqlite (t: Test, { isThere = true } = {}) {
  const folder = t.testdir({})
  const file = join(folder, 'auth.db')
  const store = `sqlite:${file}`
  const typed = async (line: string | readonly string[], conditions?: Conditions) => await cli([...typeof line === 'string' ? line.split(' ') : line, '--store', store], conditions)
  const openStore = () => {
    const database = new Database(file)
    t.teardown(() => { database.close() })
    return sqliteStore(database, { now: () => NOW })
  }
  const open = Object.assign((peppers?: string[]) => new ClientRegistry(openStore(), { now: () => NOW, ...peppers && { peppers } }), { store: openStore })
  if (isThere) t.equal((await typed('migrate')).code, 0)
  return { folder, file, store, typed, open }
}

const accessTokens = (store: SqlStore) =>
  new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://api.example', keys: new SigningKeys(store, { now: () => NOW }), signing: 'batch', now: () => NOW })

const knows = async (registry: ClientRegistry, clientId: string, clientSecret: string) =>
  await registry.getClient({ clientId, clientSecret, grantType: 'client_credentials', scope: [] } as never) !== undefined

/** What a command writes about a change, and about the bounds within which it takes effect. */
const noted = (text: string, bounds: readonly string[]) => `${[text, ...bounds].join('\n')}\n`
const linesOf = (text: string) => text.split('\n').filter(Boolean)
/** The secrets of a file: of several lines for a client, the last counts, and half a line does not. */
const secretsIn = (file: string) => new Map(linesOf(readFileSync(file, 'utf8'))
  .filter((line) => line.endsWith('}'))
  .map((line) => JSON.parse(line))
  .map((line) => [line.client_id as string, line.client_secret as string]))
const closedPipe = () => new Writable({ write (_chunk, _encoding, done) { done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })) } }).on('error', () => {})

t.test('a usage error ends with 2 and a line that names the right usage', async (t) => {
  for (const [line, problem] of [
    ['clients list', /There is no command "clients".*--help/],
    ['client lst', /There is no command "client lst". Did you mean client list\? These are: client add, client list,/],
    ['client show', /^Usage: fastify-client-credentials client show ID\n$/],
    ['client show a b', /^Usage: fastify-client-credentials client show ID\n$/],
    ['client list --store sqlite:a.db --json --json', /--json is given twice\n$/],
    ['client show --store', /'--store <value>' argument missing. See fastify-client-credentials client show --help/],
    ['client list --scope a', /Unknown option '--scope'. .*See fastify-client-credentials client list --help/],
    ['client list --json=1', /'--json' does not take an argument/],
    ['--nonsense', /Unknown option '--nonsense'. See fastify-client-credentials --help/],
    ['client list', /The store is missing\. Name it by --store or OAUTH_STORE/],
    ['client list --store mysql://root:hidden@host/db', /A store must be sqlite:/],
    ['client add --access-token-lifetime soon', /--access-token-lifetime must be a duration such as 90, 15m, 12h or 30d, and not "soon"/],
    ['client add --access-token-lifetime 1hour', /must be a duration .* not "1hour"/],
    ['client add --access-token-lifetime about1h', /must be a duration .* not "about1h"/],
    ['client list --store my-sqlite:./auth.db', /A store must be sqlite:/],
    ['client add --certificate-name a-dns:billing', /--certificate-name must be dn:/],
    ['client add --certificate-name billing', /--certificate-name must be dn:/],
    ['client add --certificate-name constructor:x', /--certificate-name must be dn:/],
    ['client add --secret-stdin --no-secret', /exclude each other/],
    ['client add --secret-stdin', /The standard input is empty/],
    ['client update billing', /There is nothing to change/],
    ['client add billing --scope a b', /^Usage: fastify-client-credentials client add \[ID\]. Quote several values of one option: --scope "A B"/],
    ['client add billing --scope a --scope=b', /--scope is given twice. Quote several values of one option: --scope "A B"/],
    ['client list --store sqlite://auth.db', /sqlite:\/\/ must be followed by an absolute path/],
    ['client disable billing --max-token-lifetime 1h', /Unknown option '--max-token-lifetime'/],
    ['client revoke-tokens billing --revocations memcached://host', /A store of revocations must be redis:/],
    ['settings change', /One of these is needed/],
    ['settings change keys.algorithm=RS256 --finish', /One of these is needed/],
    ['settings change --finish --cancel', /One of these is needed/],
    ['settings change keys.algorithm', /must be NAME=VALUE, with one of these names: keys.algorithm/],
    ['settings change keys.nonsense=1', /must be NAME=VALUE, with one of these names: keys.algorithm/],
    ['settings change keys.algorithm=none', /keys.algorithm must be ES256, EdDSA, RS256 or PS256, and not "none"/],
    ['settings change keys.rotateEvery=0', /keys.rotateEvery must be a duration above zero/],
    ['settings change jwt.clockTolerance=soon', /jwt.clockTolerance must be a duration/],
    ['settings change jwt.revocations=redis://host', /jwt.revocations must be the id of a store/],
    ['settings change jwt.clockTolerance=1 jwt.clockTolerance=2', /jwt.clockTolerance is given twice/],
    ['settings retire-store', /^Usage: fastify-client-credentials settings retire-store ID\n$/],
    ['tokens revoke-all billing', /^Usage: fastify-client-credentials tokens revoke-all\n$/],
    ['audit list --limit 0', /--limit must be a whole number above zero/],
    ['audit list --since yesterday', /--since must be a time such as/],
    ['client import clients.txt', /--format csv or --format jsonl/],
    ['client import a.csv --format xml', /--format csv or --format jsonl/],
    ['keys rotate --algorithm none', /--algorithm must be ES256, EdDSA, RS256 or PS256, and not "none"/]
  ] as const) {
    const { code, stdout, stderr } = await cli(line.split(' '))
    t.equal(code, 2, line)
    t.equal(stdout, '', line)
    t.match(stderr, problem, line)
    t.equal(linesOf(stderr).length, 1, line)
    t.notMatch(stderr, 'hidden')
  }
})

t.test('peppers and sealing keys come from the environment, and an empty variable is not none', async (t) => {
  const { typed } = await overSqlite(t)
  for (const env of [{ OAUTH_PEPPERS: '' }, { OAUTH_PEPPERS: `${PEPPER},` }]) {
    const { code, stderr } = await typed('client add', { env })
    t.equal(code, 2)
    t.match(stderr, /OAUTH_PEPPERS is empty, or has an empty part/)
  }
  t.match((await typed('keys rotate', { env: { OAUTH_SEALING_KEYS: '' } })).stderr, /OAUTH_SEALING_KEYS is empty/)
  const short = await typed('client add', { env: { OAUTH_PEPPERS: 'too-short' } })
  t.equal(short.code, 2)
  t.notMatch(short.stderr, 'too-short')
})

t.test('--help teaches every command, as the page does, and without a command it lists all', async (t) => {
  const page = pageText('src/cli/README.md')
  for (const { name, operands, summary, options, examples } of COMMANDS) {
    const { code, stdout, stderr } = await cli([...name.split(' '), '--help'])
    t.equal(code, 0)
    t.equal(stderr, '')
    t.ok(stdout.startsWith(summary))
    t.match(stdout, `fastify-client-credentials ${[name, ...operands].join(' ')} [options]`)
    for (const option of [...Object.keys(options), 'store', 'json', 'help']) t.match(stdout, `--${option}`)
    t.ok(examples.length > 0)
    for (const example of examples) t.match(stdout, example)
    t.match(page, `## ${name}\n\n\`\`\`text\n${stdout}\`\`\`\n`)
  }
  const all = await cli(['--help'])
  t.equal(all.code, 0)
  t.match(page, `\n\`\`\`text\n${all.stdout}\`\`\`\n`)
  for (const { name, summary } of COMMANDS) t.match(all.stdout, new RegExp(`^  ${name}.*${summary.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`, 'm'))

  const keys = await cli(['keys', '--help'])
  t.match(keys.stdout, 'keys rotate')
  t.notMatch(keys.stdout, 'client disable')

  const nothing = await cli([])
  t.strictSame([nothing.code, nothing.stdout, nothing.stderr], [2, '', all.stdout])
  t.strictSame(await cli(['--version']), { code: 0, stdout: '1.2.3\n', stderr: '' })
})

t.test('the table of commands in the README is the one of the code', async (t) => {
  t.strictSame(pageTable('Command line'), COMMANDS.map(({ name }) => name))
})

t.test('a SQLite file that is not there is made by migrate, client add and client import alone', async (t) => {
  const { file, folder, typed } = await overSqlite(t, { isThere: false })
  for (const line of ['client list', 'client show a', 'client rotate a', 'client disable a', 'keys list', 'keys rotate']) {
    const { code, stderr } = await typed(line)
    t.equal(code, 1, line)
    t.match(stderr, `There is no file ${file}. Create it: migrate`, line)
    t.notOk(existsSync(file), line)
  }
  const { code, stdout } = await typed('migrate --json')
  t.equal(code, 0)
  const { from, to } = JSON.parse(stdout)
  t.ok(to > from)
  t.match((await typed('migrate')).stdout, `The tables are at version ${to} already`)

  const other = `sqlite://${join(folder, 'other.db')}`
  t.equal((await cli(['client', 'add', 'billing'], { env: { OAUTH_STORE: other } })).code, 0)
  t.match((await cli(['client', 'list'], { env: { OAUTH_STORE: other } })).stdout, 'billing')
  t.match((await cli(['migrate', '--store', `sqlite:${join(folder, 'third.db')}`])).stdout, `The tables are at version ${to}, and were at ${from}`)
  new Database(join(folder, 'empty.db')).close()
  t.equal((await cli(['client', 'add', '--store', `sqlite:${join(folder, 'empty.db')}`])).code, 0, 'an empty file is as good as none')
  writeFileSync(join(folder, 'clients.csv'), 'client_id\na\n')
  t.equal((await cli(['client', 'import', join(folder, 'clients.csv'), '--store', `sqlite:${join(folder, 'fourth.db')}`])).code, 0)
})

t.test('client add prints the secret once, and it works', async (t) => {
  const { typed, open } = await overSqlite(t)
  const added = await typed(['client', 'add', 'billing', '--name', 'Billing', '--scope', ' data:read  data:write'])
  t.equal(added.code, 0)
  const [, secret = ''] = /^client_id {6}billing\nclient_secret {2}(\S+)\n$/.exec(added.stdout) ?? []
  t.match(added.stderr, /^Keep the secret now: it is not shown again\nThe scopes are not checked, since no server has started on this store yet\n$/)
  const registry = open()
  t.ok(await knows(registry, 'billing', secret))
  t.notOk(await knows(registry, 'billing', `${secret}x`))
  t.match(await registry.find('billing'), { name: 'Billing', scopes: ['data:read', 'data:write'] })
  t.notMatch((await typed('client show billing')).stdout, secret)

  const again = await typed('client add billing')
  t.strictSame([again.code, again.stdout], [1, ''])
  t.match(again.stderr, 'billing')
  t.ok(await knows(registry, 'billing', secret), 'the one that was there is as it was')
})

t.test('client add --json has the client and the secret, with times in ISO 8601', async (t) => {
  const { typed, open } = await overSqlite(t)
  const { code, stdout, stderr } = await typed('client add --scope data:read --secret-lifetime 90d --json')
  t.equal(code, 0)
  const { client, secret } = JSON.parse(stdout)
  t.equal(secret.expiresAt, '2027-04-15T08:00:00Z')
  t.match(stderr, 'It expires at 2027-04-15T08:00:00Z')
  t.match(client, { createdAt: NOW_ISO, updatedAt: NOW_ISO, scopes: ['data:read'], secrets: [{ id: secret.id, createdAt: NOW_ISO, expiresAt: secret.expiresAt }] })
  t.ok(await knows(open(), client.id, secret.secret))
})

t.test('client add registers all that can be said of a client', async (t) => {
  const { folder, typed } = await overSqlite(t)
  const { publicKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  const jwks = { keys: [{ ...jwk, kid: 'k1', alg: 'ES256' }, jwk] }
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify(jwks))
  const options = [
    '--name', 'Keyed', '--scope', 'a b', '--default-scope', 'a b', '--audience', 'https://api.example.com b', '--introspects', 'https://api.example.com c', '--access-token-lifetime', '15m',
    '--auth-method', 'private_key_jwt client_secret_basic', '--jwks', join(folder, 'jwks.json'), '--sender-constraint', 'dpop'
  ]
  const keyed = JSON.parse((await typed(['client', 'add', 'keyed', ...options, '--json'])).stdout)
  t.equal(keyed.secret, undefined, 'one with keys gets no secret')
  t.match(keyed.client, {
    scopes: ['a', 'b'],
    name: 'Keyed',
    defaultScopes: ['a', 'b'],
    audiences: ['https://api.example.com', 'b'],
    introspects: ['https://api.example.com', 'c'],
    accessTokenLifetime: 900,
    authMethods: ['private_key_jwt', 'client_secret_basic'],
    jwks,
    senderConstraint: 'dpop'
  })
  const shown = await typed('client show keyed')
  t.equal(shown.stdout, `client_id         keyed
state             enabled
name              Keyed
scopes            a b
default scopes    a b
audiences         https://api.example.com b
introspects       https://api.example.com c
token lifetime    900 s
authenticates by  private_key_jwt client_secret_basic
public keys       k1 EC
tokens bound by   dpop
created           ${NOW_ISO}
changed           ${NOW_ISO}

No secrets
`)
  await typed('client add elsewhere --jwks-uri https://keys.example/jwks.json')
  t.match((await typed('client show elsewhere')).stdout, /^public keys at +https:\/\/keys\.example\/jwks\.json$/m)
  t.match((await typed('client show keyed --json')).stdout, /"senderConstraint":"dpop"/)

  for (const [text, name] of [
    ['dn:CN=a,O=b', { subjectDn: 'CN=a,O=b' }],
    ['dns:a.example.com', { sanDns: 'a.example.com' }],
    ['uri:https://a.example.com/x', { sanUri: 'https://a.example.com/x' }],
    ['ip:192.0.2.1', { sanIp: '192.0.2.1' }],
    ['email:a@example.com', { sanEmail: 'a@example.com' }]
  ] as const) {
    const { client } = JSON.parse((await typed(['client', 'add', '--certificate-name', text, '--json'])).stdout)
    t.strictSame(client.certificateName, name)
    t.match((await typed(['client', 'show', client.id])).stdout, Object.entries(name).flat().join(' '))
  }
  const uri = await typed('client add uri --jwks-uri https://a.example.com/jwks.json --access-token-lifetime 60')
  t.strictSame(uri, { code: 0, stdout: 'client_id      uri\n', stderr: '' })

  t.match((await typed('client add --jwks missing.json')).stderr, /ENOENT/)
  writeFileSync(join(folder, 'broken.json'), '{"d": "private-part')
  const broken = await typed(['client', 'add', '--jwks', join(folder, 'broken.json')])
  t.equal(broken.code, 1)
  t.notMatch(broken.stderr, 'private-part')
})

t.test('a secret that was made elsewhere comes by the standard input, and is not printed', async (t) => {
  const { typed, open } = await overSqlite(t)
  const imported = await typed('client add legacy --secret-stdin', { stdin: 'correct horse battery staple\r\n' })
  t.strictSame(imported, { code: 0, stdout: 'client_id      legacy\n', stderr: '' })
  t.ok(await knows(open(), 'legacy', 'correct horse battery staple'))
  t.match(await open().find('legacy'), { secrets: [{ isImported: true }] })
  const bytes = async function * (...list: number[]) { yield Uint8Array.from(list) }
  t.equal((await typed('client add marked --secret-stdin', { stdin: bytes(0xef, 0xbb, 0xbf, ...Buffer.from('from an editor')) })).code, 0)
  t.ok(await knows(open(), 'marked', 'from an editor'))
  t.match(await typed('client add latin --secret-stdin', { stdin: bytes(0x63, 0xe9) }), { code: 1, stderr: 'The standard input is not UTF-8' })
  t.equal(await open().find('latin'), undefined)
  const none = JSON.parse((await typed('client add none --no-secret --json')).stdout)
  t.strictSame(none.client.secrets, [])
})

t.test('peppers of the environment hash the secrets', async (t) => {
  const { typed, open } = await overSqlite(t)
  const { stdout } = await typed('client add billing --json', { env: { OAUTH_PEPPERS: `${PEPPER},${'q'.repeat(32)}` } })
  const { secret } = JSON.parse(stdout)
  t.ok(await knows(open([PEPPER]), 'billing', secret.secret))
  t.notOk(await knows(open(), 'billing', secret.secret))

  const hashed = { stdin: JSON.stringify({ client_id: 'hashed', client_secret_hash: `sha256:${'a'.repeat(43)}` }) }
  t.match(await typed('client import - --format jsonl', { ...hashed, env: { OAUTH_PEPPERS: PEPPER } }), { code: 1, stderr: /null among the peppers/ })
  t.equal((await typed('client import - --format jsonl', { ...hashed, env: { OAUTH_PEPPERS: `${PEPPER},none` } })).code, 0)
})

t.test('client list has all pages, in columns or as JSON lines', async (t) => {
  const { typed, open } = await overSqlite(t)
  t.match((await typed('client list')).stdout, /^ID +NAME +STATE +SECRETS +CREATED +SCOPES\n$/)
  await open().addAll(Array.from({ length: 1100 }, (_, index) => ({ id: `client-${index}`, name: index === 7 ? 'Seven' : 'x', scopes: ['a', 'b'] })))
  const { stdout } = await typed('client list')
  const lines = linesOf(stdout)
  t.equal(lines.length, 1101)
  t.equal(lines.find((line) => line.includes('Seven')), `client-7     Seven  enabled  1        ${NOW_ISO}  a b`)
  const json = linesOf((await typed('client list --json')).stdout).map((line) => JSON.parse(line))
  t.equal(new Set(json.map(({ id }) => id)).size, 1100)
  t.match(json[0], { createdAt: NOW_ISO, isDisabled: false, secrets: [{ createdAt: NOW_ISO }] })
})

t.test('a name cannot move the cursor of a terminal', async (t) => {
  t.equal(alignColumns([['a\u001b[2J', 'b'], ['cc', 'd']]), 'a?[2J  b\ncc     d')
  t.equal(alignColumns([]), '')
})

t.test('a client is changed, disabled, enabled and removed', async (t) => {
  const { typed, open } = await overSqlite(t)
  await typed('client add billing --name Billing --scope a')
  const updated = await typed('client update billing --scope b --access-token-lifetime 1h --json')
  t.equal(updated.code, 0)
  t.match(JSON.parse(updated.stdout), { name: 'Billing', scopes: ['b'], accessTokenLifetime: 3600 })
  const takenBack = JSON.parse((await typed(['client', 'update', 'billing', '--access-token-lifetime', '', '--name=', '--json'])).stdout)
  t.strictSame([takenBack.name, takenBack.accessTokenLifetime, takenBack.scopes], [undefined, undefined, ['b']])
  t.match(await typed(['client', 'update', 'billing', '--scope', 'a"b']), { code: 2, stderr: /scopes must be/ })

  t.strictSame(await typed('client disable billing'), { code: 0, stdout: '', stderr: noted('Client billing is disabled, and its access tokens are revoked', TOKEN_BOUNDS) })
  t.match((await typed('client show billing')).stdout, /^state +disabled$/m)
  t.match((await typed('client list')).stdout, / disabled /)
  t.strictSame(await typed('client enable billing'), { code: 0, stdout: '', stderr: 'Client billing is enabled\n' })
  t.match(await open().find('billing'), { isDisabled: false })
  t.strictSame(await typed('client remove billing'), { code: 0, stdout: '', stderr: noted('Client billing is removed, and its access tokens are revoked', TOKEN_BOUNDS) })

  for (const line of ['client show', 'client update --scope a', 'client rotate', 'client revoke-secret secret-id', 'client disable', 'client enable', 'client remove', 'client revoke-tokens']) {
    const [group = '', name = '', ...rest] = line.split(' ')
    const { code, stdout, stderr } = await typed([group, name, 'billing', ...rest])
    t.strictSame([code, stdout], [1, ''], line)
    t.equal(stderr, 'There is no client "billing". List the clients: client list\n', line)
  }
})

t.test('the tokens of a client that is disabled, removed or named are revoked, with and without the option of release 0.1.0', async (t) => {
  const { typed, open } = await overSqlite(t)
  const tokens = () => accessTokens(open.store())
  const issue = async (id: string) => (await tokens().issue({ client: { id, grants: [] }, scope: [], accessTokenLifetime: 86_400, resource: [], audience: ['https://api.example'] } as never)).accessToken
  // A process that starts now: it has read nothing before.
  const isValid = async (token: string) => (await tokens().verify(token)).isValid
  for (const [line, text] of [
    ['client disable', 'Client ID is disabled, and its access tokens are revoked'],
    ['client disable --revoke-tokens', 'Client ID is disabled, and its access tokens are revoked'],
    ['client remove', 'Client ID is removed, and its access tokens are revoked'],
    ['client remove --revoke-tokens', 'Client ID is removed, and its access tokens are revoked'],
    ['client revoke-tokens', 'The access tokens of client ID are revoked']
  ] as const) {
    const id = line.replaceAll(' ', '_')
    await typed(`client add ${id}`)
    await typed(`client add other-than-${id}`)
    const [token, other] = [await issue(id), await issue(`other-than-${id}`)]
    t.strictSame([await isValid(token), await isValid(other)], [true, true], line)
    t.strictSame(await typed(`${line} ${id}`), { code: 0, stdout: '', stderr: noted(text.replace('ID', id), TOKEN_BOUNDS) }, line)
    t.strictSame([await isValid(token), await isValid(other)], [false, true], line)
    await typed(`client enable ${id}`)
    t.equal(await isValid(token), false, `${line}: enabling the client revives no token`)
  }
  t.match(await typed('client show client_revoke-tokens'), { code: 0, stdout: /^state +enabled$/m })

  const left = await issue('other-than-client_remove')
  t.strictSame(await typed('tokens revoke-all'), { code: 0, stdout: '', stderr: noted('The access tokens of all clients are revoked', TOKEN_BOUNDS) })
  t.equal(await isValid(left), false)
  t.strictSame((await open.store().listRevocations()).entries, [], 'by the store of the clients alone')
})

t.test('the bounds of a revocation are in the output, and in the help', async (t) => {
  for (const name of ['client disable', 'client remove', 'client revoke-tokens', 'tokens revoke-all', 'keys revoke', 'client revoke-secret']) {
    const { stdout } = await cli([...name.split(' '), '--help'])
    t.match(stdout, /within 1 second/, name)
    if (!name.endsWith('secret')) t.match(stdout, /introspect tokens within their cache time \+ 1 s; servers that only have the JWKS [^]*maxStale/, name)
  }
  t.match((await cli(['client', 'revoke-secret', '--help'])).stdout, /stay valid until they expire. Revoke them: client revoke-tokens ID/)
})

t.test('a secret lives for 100 years at most', async (t) => {
  const { typed } = await overSqlite(t)
  t.match(await typed('client add billing --secret-lifetime 36526d'), { code: 2, stdout: '', stderr: /100 years/ })
  t.match(await typed('client show billing'), { code: 1 }, 'nothing was added')
  t.match((await typed('client add billing --secret-lifetime 36525d')).stdout, /^client_secret {2}\S+$/m)
})

t.test('a SQLite file that is made is for its owner only, since it holds keys', async (t) => {
  const { folder, file, typed } = await overSqlite(t)
  t.equal(statSync(file).mode & 0o777, 0o600)
  chmodSync(file, 0o640)
  await typed('migrate')
  t.equal(statSync(file).mode & 0o777, 0o640, 'what is there stays')
  t.match(await cli(['client', 'list', '--store', `sqlite:${folder}`]), { code: 1, stderr: `${folder} cannot be opened: ` })
  t.match(await cli(['client', 'add', '--store', `sqlite:${folder}/missing/auth.db`]), { code: 1, stderr: `${folder}/missing/auth.db cannot be opened: ENOENT` })
})

t.test('secrets are rotated with an overlap, and revoked one by one', async (t) => {
  const { typed, open } = await overSqlite(t)
  const first = JSON.parse((await typed('client add billing --json')).stdout).secret
  const rotated = await typed('client rotate billing --overlap 7d --secret-lifetime 90d --json')
  const { id, secret: second } = JSON.parse(rotated.stdout)
  t.strictSame([id, second.expiresAt], ['billing', '2027-04-15T08:00:00Z'])
  const registry = open()
  t.ok(await knows(registry, 'billing', first.secret))
  t.ok(await knows(registry, 'billing', second.secret))
  const { stdout } = await typed('client show billing')
  const [heads, ...secrets] = stdout.split('\n\n')[1]!.trimEnd().split('\n').map((line) => line.split(/ {2,}/))
  t.strictSame(heads, ['SECRET', 'CREATED', 'EXPIRES', 'LAST USED'])
  t.strictSame(secrets.map(([, created, expires]) => [created, expires]).sort(), [[NOW_ISO, '2027-01-22T08:00:00Z'], [NOW_ISO, '2027-04-15T08:00:00Z']])
  t.match((await typed('client add other --json')).stdout, '"secret"')
  t.match((await typed('client show other')).stdout, new RegExp(`^\\S+ +${NOW_ISO} +never +never$`, 'm'))

  t.strictSame(await typed(['client', 'revoke-secret', 'billing', first.id]), { code: 0, stdout: '', stderr: noted(`Secret ${first.id} of billing is revoked`, secretBounds('billing')) })
  t.notOk(await knows(open(), 'billing', first.secret))
  t.match(await typed('client revoke-secret billing nonsense'), { code: 1, stderr: 'The client "billing" has no secret with this id. List its secrets: client show billing' })
  t.match((await typed('client rotate billing')).stdout, /^client_secret {2}\S+$/m)
})

t.test('a reader that has seen enough is no failure, but a secret that nobody has read is one', async (t) => {
  const { typed } = await overSqlite(t)
  await typed('client add billing')
  for (const line of ['client list', 'client list --json', 'client add uri --jwks-uri https://a.example.com/jwks.json']) {
    t.strictSame(await typed(line, { stdout: closedPipe() }), { code: 0, stdout: '', stderr: '' })
  }
  const { code, stderr } = await typed('client rotate billing', { stdout: closedPipe() })
  t.equal(code, 1)
  t.match(stderr, 'The secret of "billing" is lost, since the standard output is closed. Generate another one: client rotate billing')
})

t.test('signing keys are listed, rotated and revoked', async (t) => {
  const { typed } = await overSqlite(t)
  const first = await typed('keys rotate')
  t.match(first.stdout, new RegExp(`^\\S+ {2}ES256 {2}current, signs from ${NOW_ISO}\n$`))
  const next = JSON.parse((await typed('keys rotate --json --announce-for 10m')).stdout)
  t.match(next, { alg: 'ES256', state: 'next', createdAt: NOW_ISO, activeFrom: '2027-01-15T08:10:00Z', isSealed: false })
  const { stdout } = await typed('keys list')
  t.match(stdout, /^KID +ALG +STATE +CREATED +SIGNS FROM +SEALED\n/)
  t.match(stdout, new RegExp(`^${next.kid} +ES256 +next +${NOW_ISO} +2027-01-15T08:10:00Z +no$`, 'm'))
  t.equal(linesOf((await typed('keys list --json')).stdout).length, 2)

  t.strictSame(await typed(['keys', 'revoke', next.kid]), { code: 0, stdout: '', stderr: noted(`Key ${next.kid} is revoked, and its tokens are invalid`, keyBounds(900)) })
  t.match(await typed(['keys', 'revoke', next.kid]), { code: 1, stderr: `There is no key "${next.kid}". List the keys: keys list` })
  t.equal((await typed('keys rotate --rotate-every 10m --announce-for 1h --max-token-lifetime 1h --clock-tolerance 1m')).code, 2)
})

t.test('the commands for keys take the rules that servers have registered', async (t) => {
  const { typed, open } = await overSqlite(t)
  const server = (options: SigningKeysOptions = {}) => new SigningKeys(open.store(), { algorithm: 'RS256', rotateEvery: 1000, announceFor: 100, maxTokenLifetime: 500, now: () => NOW, ...options })
  const keys = server()
  await new JwtAccessTokens({ issuer: 'https://as.example', audience: 'https://api.example', keys, now: () => NOW }).start()
  const next = JSON.parse((await typed('keys rotate --json')).stdout)
  t.match(next, { alg: 'RS256', state: 'current' })
  t.match(JSON.parse((await typed('keys rotate --json --announce-for 100')).stdout), { alg: 'RS256', state: 'next', activeFrom: '2027-01-15T08:01:40Z' })

  for (const [options, problem] of [
    ['--algorithm ES256', /^--algorithm is ES256, and the servers on this store have RS256\. .*settings change keys.algorithm=ES256\n$/],
    ['--announce-for 1h', /^--announce-for is 3600, and the servers on this store have 100\. .*settings change keys.announceFor=3600\n$/],
    ['--rotate-every 30d', /^--rotate-every is 2592000/],
    ['--max-token-lifetime 1h', /^--max-token-lifetime is 3600/],
    ['--clock-tolerance 1', /^--clock-tolerance is 1, and the servers on this store have 60/]
  ] as const) {
    for (const line of ['keys rotate', `keys revoke ${next.kid}`, 'keys list']) {
      t.match(await typed(`${line} ${options}`), { code: 2, stdout: '', stderr: problem }, `${line} ${options}`)
    }
  }
  t.equal(linesOf((await typed('keys list --json')).stdout).length, 2, 'nothing was changed')
  t.equal((await typed('settings change keys.algorithm=EdDSA')).code, 0)
  t.match(await typed('keys list --algorithm EdDSA'), { code: 0 })
  t.match(await typed('keys list --algorithm ES256'), { code: 2, stderr: /have RS256 or EdDSA/ })

  for (const { kid } of (await keys.list()).toReversed()) t.equal((await typed(`keys revoke ${kid}`)).code, 0)
  t.match(await server().list(), [{ alg: 'RS256', state: 'current' }], 'and the one that replaces a revoked key is of its algorithm')
})

t.test('a kid and the id of a secret may begin with a hyphen, as one in 64 does', async (t) => {
  const { typed } = await overSqlite(t)
  t.equal((await typed('client add billing')).code, 0)
  for (const id of ['-abc', '--abc', '-h']) {
    t.match(await typed(['keys', 'revoke', id]), { code: 1, stderr: `There is no key "${id}". List the keys: keys list` })
    t.match(await typed(['client', 'revoke-secret', 'billing', id, '--json']), { code: 1, stderr: 'The client "billing" has no secret with this id' })
  }
  t.match(await typed('keys revoke --help'), { code: 0, stdout: /^Revokes a signing key/ })
  t.match(await typed('client add -h'), { code: 2, stderr: /Unknown option '-h'/ }, 'and an id that somebody chose is not taken for one')
})

t.test('signing keys are imported from a PEM or a JWK', async (t) => {
  const { folder, typed } = await overSqlite(t)
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  const pem = await exportPKCS8(pair.privateKey)
  writeFileSync(join(folder, 'key.pem'), pem)
  const imported = await typed(['keys', 'import', join(folder, 'key.pem'), '--algorithm', 'EdDSA', '--json'])
  t.match(JSON.parse(imported.stdout), { alg: 'EdDSA', state: 'current' })
  t.equal((await typed('keys import - --algorithm EdDSA', { stdin: pem })).stdout, (await typed(['keys', 'import', join(folder, 'key.pem'), '--algorithm', 'EdDSA'])).stdout)

  const other = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...await exportJWK(other.privateKey), alg: 'ES256' }
  t.match((await typed('keys import -', { stdin: JSON.stringify(jwk) })).stdout, / ES256 {2}next,/)
  for (const stdin of [`{"d": "${jwk.d}"`, `not a key ${jwk.d}`]) {
    const { code, stderr } = await typed('keys import -', { stdin })
    t.equal(code, 1)
    t.notMatch(stderr, jwk.d)
  }
  // One of RSA may sign by two.
  const rsa = await generateKeyPair('RS256', { extractable: true })
  t.match((await typed('keys import - --algorithm PS256', { stdin: await exportPKCS8(rsa.privateKey) })).stdout, / PS256 {2}next,/)
  t.match(await typed('keys import missing.pem'), { code: 1, stderr: /ENOENT/ })
})

t.test('signing keys are sealed with the keys of the environment, and never lie open beside sealed ones', async (t) => {
  const { typed } = await overSqlite(t)
  const env = { OAUTH_SEALING_KEYS: SEALING_KEY }
  const { kid } = JSON.parse((await typed('keys rotate --json', { env })).stdout)
  t.match((await typed('keys list')).stdout, /yes$/m)
  t.match(await typed(['keys', 'revoke', kid]), { code: 1, stderr: /Set OAUTH_SEALING_KEYS/ })
  t.not((await typed('keys rotate')).code, 0)
  t.equal((await typed(['keys', 'revoke', kid], { env })).code, 0)
  t.notMatch((await typed('keys list')).stdout, /no$/m)
})

t.test('an import adds each client of a CSV file, with a secret that works', async (t) => {
  const { folder, typed, open } = await overSqlite(t)
  const file = join(folder, 'clients.csv')
  const output = join(folder, 'secrets.jsonl')
  writeFileSync(file, '\ufeffclient_id,client_name,scope,default_scope,access_token_lifetime,client_secret\r\n' +
    'a,"Last, ""First""",data:read data:write,data:read,900,\r\nb,,,,,correct horse battery staple\r\n\r\n"c",C,,,,\r\na,again,,,,')
  const imported = await typed(['client', 'import', file, '--output', output, '--json'])
  t.equal(imported.code, 0, imported.stderr)
  t.strictSame(JSON.parse(imported.stdout), { rows: 4, added: 3, skipped: 1 })
  t.match(imported.stderr, '4 rows: 3 clients added, 1 skipped that exist already')
  const registry = open()
  const secrets = secretsIn(output)
  t.strictSame([...secrets.keys()], ['a', 'c'])
  for (const [id, secret] of [...secrets, ['b', 'correct horse battery staple'] as const]) t.ok(await knows(registry, id, secret), id)
  t.match(await registry.find('a'), { name: 'Last, "First"', scopes: ['data:read', 'data:write'], defaultScopes: ['data:read'], accessTokenLifetime: 900 })
  t.equal(statSync(output).mode & 0o777, 0o600)

  const again = await typed(['client', 'import', file, '--output', output])
  t.match(again, { code: 0, stdout: '', stderr: '4 rows: 0 clients added, 4 skipped that exist already' })
  t.strictSame(secretsIn(output), secrets)
})

t.test('an import takes JSON lines with the names of the RFCs, from the standard input too', async (t) => {
  const { typed, open } = await overSqlite(t)
  const { publicKey } = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...await exportJWK(publicKey), kid: 'k1', alg: 'ES256' }] }
  const clients = [
    { client_id: 'secret', client_name: 'a\u{1F511}b', scope: 'a b', audiences: ['https://api.example.com'], introspects: 'https://api.example.com', access_token_lifetime: 60, client_secret: null },
    { client_id: 'jwks', jwks, token_endpoint_auth_method: 'private_key_jwt', dpop_bound_access_tokens: true },
    { client_id: 'text', jwks: JSON.stringify(jwks), dpop_bound_access_tokens: false },
    { client_id: 'uri', jwks_uri: 'https://a.example.com/jwks.json', token_endpoint_auth_methods: 'client_secret_basic private_key_jwt' },
    { client_id: 'hash', client_secret_hash: `sha256:${createHash('sha256').update('elsewhere').digest('hex')}` },
    { client_id: 'dn', tls_client_auth_subject_dn: 'CN=a', tls_client_certificate_bound_access_tokens: 'true' },
    { client_id: 'dns', tls_client_auth_san_dns: 'a.example.com', tls_client_certificate_bound_access_tokens: 'false' },
    { client_id: 'san-uri', tls_client_auth_san_uri: 'https://a.example.com' },
    { client_id: 'ip', tls_client_auth_san_ip: '192.0.2.1' },
    { client_id: 'email', tls_client_auth_san_email: 'a@example.com' }
  ]
  const { code, stdout, stderr } = await typed('client import - --format jsonl --json', { stdin: clients.map((client) => JSON.stringify(client)).join('\n') })
  t.equal(code, 0, stderr)
  const [line, ...others] = linesOf(stdout).map((line) => JSON.parse(line))
  t.strictSame(others, [], 'only secrets on the standard output')
  const registry = open()
  t.ok(await knows(registry, line.client_id, line.client_secret))
  t.match(await registry.find('secret'), { scopes: ['a', 'b'], audiences: ['https://api.example.com'], introspects: ['https://api.example.com'], accessTokenLifetime: 60 })
  t.match(await registry.find('jwks'), { jwks, authMethods: ['private_key_jwt'], senderConstraint: 'dpop', secrets: [] })
  t.match(await registry.find('text'), { jwks })
  t.equal((await registry.find('text'))?.senderConstraint, undefined)
  t.match(await registry.find('uri'), { jwksUri: 'https://a.example.com/jwks.json', authMethods: ['client_secret_basic', 'private_key_jwt'] })
  t.ok(await knows(registry, 'hash', 'elsewhere'))
  t.match(await registry.find('dn'), { certificateName: { subjectDn: 'CN=a' }, senderConstraint: 'mtls' })
  t.match(await registry.find('dns'), { certificateName: { sanDns: 'a.example.com' } })
  t.match(await registry.find('san-uri'), { certificateName: { sanUri: 'https://a.example.com' } })
  t.match(await registry.find('ip'), { certificateName: { sanIp: '192.0.2.1' } })
  t.match(await registry.find('email'), { certificateName: { sanEmail: 'a@example.com' } })
})

t.test('a row that is wrong stops an import before its batch, with its line and nothing of its secret', async (t) => {
  const { folder, typed, open } = await overSqlite(t)
  const secret = 'secret-of-somebody'
  for (const [format, text, problem] of [
    ['csv', 'client_id,scopes\na,b\n', /Line 1: There is no column "scopes". These are: client_id, /],
    ['csv', 'client_id,__proto__\na,b\n', /Line 1: There is no column "__proto__"/],
    ['csv', 'client_id,\u001b[2J\u009b\na,b\n', /There is no column "\?\[2J\?"/],
    ['csv', `client_id,${'x'.repeat(1000)}\na,b\n`, /There is no column "x{64}"/],
    ['csv', 'a,hunter2\nb,hunter2\n', /Line 1: This is no header with client_id, and commas between the columns. These are: client_id, /],
    ['csv', 'hunter2;client_id\n', /Line 1: This is no header with client_id/],
    ['csv', 'client_id,client_id\na,b\n', /Line 1: A column is there twice/],
    ['csv', `client_id,client_secret\na,${secret},c\n`, /Line 2: There are 3 fields, and 2 in the header/],
    ['csv', `client_id,client_secret\n,${secret}\n`, /Line 2: client_id is missing/],
    ['csv', `client_id,client_secret\n\n\na,${secret}"x"\n`, /Line 4: A quote stands in a field without quotes/],
    ['csv', `client_id,client_secret\na,"${secret}"x\n`, /Line 2: Something stands between a closing quote/],
    ['csv', `client_id,scope\na,"b\nc"\nd,"${secret}\n\n`, /Line 4: A quote is not closed/],
    ['csv', `client_id,client_secret\na,"${secret}${'x'.repeat(MAX_RECORD)}`, /Line 2: This record is longer than/],
    ['csv', 'client_id,access_token_lifetime\na,soon\n', /Line 2: access_token_lifetime must be a duration/],
    ['csv', 'client_id,dpop_bound_access_tokens\na,perhaps\n', /Line 2: dpop_bound_access_tokens must be true or false/],
    ['csv', 'client_id,jwks\na,nothing\n', /Line 2: jwks must be JSON/],
    ['csv', 'client_id,scope\na,b\nb,"b c"\nc,b""c\n', /Line 4: /],
    ['jsonl', `{"client_id": "a"}\n\n{"client_secret": "${secret}\n`, /Line 3: This is no JSON/],
    ['jsonl', '[]', /Line 1: This is no JSON object/],
    ['jsonl', 'null', /Line 1: This is no JSON object/],
    ['jsonl', '{"client_id": 7}', /Line 1: client_id must be a string/],
    ['jsonl', '{"client_id": "a", "scope": 7}', /Line 1: scope must be a list/],
    ['jsonl', '{"client_id": "a", "scope": [7]}', /Line 1: scope must be a list/],
    ['jsonl', `"${'x'.repeat(MAX_RECORD)}"`, /Line 1: This line is longer than/],
    ['jsonl', '{"client_id": "a"}\n{"client_id": "b", "scope": ["a b"]}', /Line 2: .*scope/],
    ['jsonl', '{"client_id": "a b"}', /Line 1: client_id must be at most 255/],
    ['jsonl', `{"client_id": "a", "client_secret": "${secret}\\n"}`, /Line 1: client_secret must have 1 to 1,024/],
    ['jsonl', `{"client_id": "a", "client_secret_hash": "${secret}"}`, /Line 1: client_secret_hash must be/],
    ['jsonl', '{"client_id": "a", "tls_client_auth_san_dns": "a", "tls_client_auth_san_ip": "b"}', /Line 1: The members tls_client_auth_san_dns and tls_client_auth_san_ip exclude each other/]
  ] as const) {
    const { code, stdout, stderr } = await typed(['client', 'import', '-', '--format', format], { stdin: text })
    t.strictSame([code, stdout], [1, ''], stderr)
    t.match(stderr, problem)
    t.match(stderr, /^0 clients were added, then the import stopped. Fix this and run the same command again: /)
    t.notMatch(stderr, secret)
    t.equal(linesOf(stderr).length, 1)
  }
  // No file that root could do harm to, were it not refused.
  execFileSync('mkfifo', [join(folder, 'pipe')])
  t.match(await typed(['client', 'import', '-', '--format', 'csv', '--output', join(folder, 'pipe')], { stdin: 'client_id\na\n' }), { code: 1, stderr: /Secrets can be kept in a file only/ })
  t.match(await typed('client import /dev/null --format csv'), { code: 0, stderr: '0 rows: ' })
  t.match(await typed('client import missing.csv'), { code: 1, stderr: /ENOENT/ })
  const input = join(folder, 'input.csv')
  writeFileSync(input, 'client_id\na\n')
  chmodSync(input, 0o644)
  t.match(await typed(['client', 'import', input, '--output', join(folder, '.', 'input.csv')]), { code: 2, stderr: /--output is the file that is imported/ })
  t.match(await typed(['client', 'import', '-', '--format', 'csv', '--output', input], { stdin: 'client_id\na\n' }), { code: 1, stderr: /holds something other than secrets/ })
  t.strictSame([readFileSync(input, 'utf8'), statSync(input).mode & 0o777], ['client_id\na\n', 0o644])
  t.match(await typed('client import - --format csv --output missing/secrets.jsonl', { stdin: 'client_id\na\n' }), { code: 1, stderr: /ENOENT/ })
  t.match(await typed('client import - --format csv', { stdin: 'client_id\na\n', stdout: closedPipe() }), { code: 1, stderr: /Nobody reads the secrets.*--output FILE/ })
  t.strictSame((await open().list()).clients, [], 'no client without a secret that somebody knows')

  const rows = Array.from({ length: 450 }, (_, index) => index === 449 ? 'client-449,b"c' : `client-${index},x`)
  writeFileSync(join(folder, 'rows.csv'), `client_id,client_name\n${rows.join('\n')}\n`)
  t.match(await typed(['client', 'import', join(folder, 'rows.csv')]), { code: 1, stderr: /^400 clients were added, .*: Line 451: / })
})

t.test('CSV and JSON lines are the same however they are cut, and anything but UTF-8 is refused', async (t) => {
  const csv = '\ufeffa,"b ""c"", d\r\n \u00e9\u{1F511}"\r\n\r\n"",\r\n"x"\ny,z'
  const json = '\ufeff{"a":"\u2028\u00e9\u{1F511}"}\r\n\n{"b":1}'
  for (const size of [1, 2, 3, 1000]) {
    const cut = (text: string) => {
      const bytes = Buffer.from(text)
      return decode(Readable.from(Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))))
    }
    t.strictSame(await collect(readCsv(cut(csv))), [
      { line: 1, fields: ['a', 'b "c", d\r\n \u00e9\u{1F511}'] }, { line: 4, fields: ['', ''] }, { line: 5, fields: ['x'] }, { line: 6, fields: ['y', 'z'] }
    ])
    t.strictSame(await collect(readJsonLines(cut(json))), [{ line: 1, value: { a: '\u2028\u00e9\u{1F511}' } }, { line: 3, value: { b: 1 } }])
  }
  for (const bytes of [[0x61, 0xe9, 0x62], [0x61, 0xc3]]) {
    await t.rejects(collect(decode(Readable.from([Buffer.from(bytes)]))), { message: 'The file is not UTF-8. Save it as UTF-8' })
  }
})

t.test('an import tells how far it is', async (t) => {
  const lines: string[] = []
  let time = 0
  const progress = new Progress(1000, () => time, (line) => lines.push(line))
  await collect(progress.count(Readable.from([Buffer.alloc(250)])))
  progress.done(200)
  time = 2
  progress.done(200)
  const unknown = new Progress(undefined, () => time, (line) => lines.push(line))
  time = 4
  unknown.done(200)
  t.strictSame(lines, ['400 rows, 200 a second, about 6 s left', '200 rows, 100 a second'])

  const { typed } = await overSqlite(t)
  const imported = await typed('client import - --format csv', { stdin: 'client_id\na\n', now: () => time++ })
  t.match(imported.stderr, /^1 rows, 0 a second\n1 rows: 1 clients added/)
})

t.test('a client that somebody else adds meanwhile costs nobody a secret', async (t) => {
  const { folder, typed, open } = await overSqlite(t)
  const output = join(folder, 'secrets.jsonl')
  // A run that was killed has left half a line, and the file is open to others.
  writeFileSync(output, '{"client_id":"half')
  chmodSync(output, 0o644)
  const registry = open()
  // Between the secrets and the commit: the only moment at which it matters.
  const { addAll } = ClientRegistry.prototype
  t.teardown(() => { ClientRegistry.prototype.addAll = addAll })
  let secret = ''
  ClientRegistry.prototype.addAll = async function (clients, options) {
    return await addAll.call(this, clients, {
      beforeCommit: async (issued) => {
        await options?.beforeCommit?.(issued)
        secret = (await registry.add({ id: 'a' })).secret?.secret ?? ''
      }
    })
  }
  t.match(await typed(['client', 'import', '-', '--format', 'csv', '--output', output], { stdin: 'client_id\na\nb\n' }), { code: 0, stderr: '2 rows: 1 clients added, 1 skipped' })
  const [half, ...lines] = linesOf(readFileSync(output, 'utf8'))
  t.equal(half, '{"client_id":"half')
  t.strictSame(lines.map((line) => JSON.parse(line)).map((line) => [line.client_id, typeof line.client_secret]), [['a', 'string'], ['b', 'string'], ['a', 'object']])
  t.equal(statSync(output).mode & 0o777, 0o600)
  t.ok(await knows(registry, 'a', secret))
})

t.test('a store that is away is a line that tells why, without the password', async (t) => {
  const password = 'p%40ss-w0rd'
  const stores = [`postgres://app:${password}@127.0.0.1:1/auth`, `postgresql://127.0.0.1:1/auth?user=app&password=${password}`, 'postgres://app:%ss-w0rd@127.0.0.1:1/auth']
  for (const store of stores) {
    for (const env of [{}, { DEBUG: '1' }]) {
      for (const { code, stdout, stderr } of [await cli(['client', 'list', '--store', store], { env }), await cli(['keys', 'list'], { env: { ...env, OAUTH_STORE: store } })]) {
        t.strictSame([code, stdout], [1, ''])
        t.match(stderr, 'DEBUG' in env ? /\n {4}at / : /^[^\n]+\n$/)
        t.notMatch(stderr, 'ss-w0rd')
      }
    }
  }
  t.match((await cli(['client', 'list', '--store', stores[0] ?? ''])).stderr, /^The store is not available: .*ECONNREFUSED/)
  t.equal(messageOf(new Error('The store is not available', { cause: Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }) })), 'The store is not available: ECONNREFUSED')
  t.equal(messageOf(new AggregateError([])), 'AggregateError')
  t.equal(messageOf('text'), 'text')
})

t.test('passwords are hidden in whatever form a driver shows them', async (t) => {
  const hide = (text: string, argv: string[], env = {}) => hidePasswords(text, { argv, env })
  const revocations = 'redis://:p%40ss@a/0,rediss://app:o,ther@b'
  for (const [argv, env] of [[['--revocations', revocations], {}], [[], { OAUTH_REVOCATIONS: revocations }]] as [string[], object][]) {
    t.equal(hide('p%40ss p@ss o,ther @a', argv, env), '*** *** *** @a')
  }
  const [URL_FORM, QUERY_FORM] = ['postgres://app:p%40ss@db/auth', 'postgresql://db/auth?user=app&password=p%40ss&ssl=true']
  for (const url of [URL_FORM, QUERY_FORM, 'postgresql://:p%40ss@db', 'postgres://db/auth?password=p%40ss']) {
    for (const [argv, env] of [[['client', 'list', '--store', url], {}], [[`--store=${url}`], {}], [[], { OAUTH_STORE: url }]] as [string[], object][]) {
      t.equal(hide('as it is typed: p%40ss, decoded: p@ss, and ss', argv, env), 'as it is typed: ***, decoded: ***, and ss', url)
    }
  }
  t.equal(hide('a%zz b', ['postgres://app:a%zz@db']), '*** b', 'one that cannot be decoded')
  t.equal(hide('a a@b a:b', ['postgres://app:a@b@db', 'postgres://app:a:b@db']), 'a *** ***', 'one with the characters of a URL')
  t.equal(hide('short-and-long short', ['postgres://app:short@db', 'postgres://app:short-and-long@db']), '*** ***', 'the longer one first')
  t.equal(hide('app db no ', ['postgres://app@db/auth?password=&user=no', '']), 'app db no ', 'none')
})

t.test('a driver is found beside the package or in the project, and one that is missing is named', async (t) => {
  t.throws(() => loadDriver(['no-such-driver'], 'npm install libsql'), { message: 'There is no driver for this store. Install one: npm install libsql' })
  const project = t.testdir({
    'package.json': '{}',
    node_modules: {
      'driver-of-project': { 'index.js': 'module.exports = { isDriver: true }' },
      'broken-driver': { 'index.js': 'throw new Error("wrong Node.js version")' }
    }
  })
  t.chdir(project)
  t.strictSame(loadDriver(['no-such-driver', 'driver-of-project'], ''), { isDriver: true })
  t.throws(() => loadDriver(['broken-driver'], ''), { message: 'The driver broken-driver is installed, but does not load. Install it again: npm install broken-driver' })
})

t.test('PostgreSQL holds clients and keys as SQLite does', async (t) => {
  const { url } = await startPostgres(t)
  const env = { OAUTH_STORE: url }
  t.equal((await cli(['migrate'], { env })).code, 0)
  const { client, secret } = JSON.parse((await cli(['client', 'add', 'billing', '--json'], { env })).stdout)
  t.strictSame([client.id, typeof secret.secret], ['billing', 'string'])
  t.match((await cli(['client', 'list'], { env })).stdout, 'billing')
  t.match((await cli(['client', 'import', '-', '--format', 'csv'], { env, stdin: 'client_id\nbilling\nother\n' })), { code: 0, stderr: '2 rows: 1 clients added, 1 skipped' })
  t.equal((await cli(['keys', 'rotate'], { env })).code, 0)
})

t.test('the program itself: results on the standard output, an exit code, and no noise', async (t) => {
  const { store, typed, open } = await overSqlite(t)
  const env = { OAUTH_STORE: store }
  const added = await program(['client', 'add', 'billing', '--json'], env).ended
  t.equal(added.code, 0, added.stderr)
  t.ok(await knows(open(), 'billing', JSON.parse(added.stdout).secret.secret))
  t.equal((await program(['client', 'show', 'nobody'], env).ended).code, 1)
  t.equal((await program(['client', 'nonsense'], env).ended).code, 2)
  t.equal((await program(['--version'], env).ended).stdout, `${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}\n`)

  // The warnings that Node.js has for node:sqlite, and for something else.
  const warn = 'data:text/javascript,process.once("beforeExit",()=>{process.emitWarning("quiet","ExperimentalWarning");process.emitWarning("loud")})'
  const { code, stderr } = await program(['client', 'list'], env, ['--warnings', '--import', warn]).ended
  t.equal(code, 0)
  t.match(stderr, 'loud')
  t.notMatch(stderr, 'quiet')

  const head = program(['client', 'list'], env)
  head.child.stdout.destroy()
  t.equal((await head.ended).code, 0)
  t.equal((await typed('client show billing')).code, 0)
})

t.test('an import that is killed goes on when it is run again: all clients are there, each with a secret that works', async (t) => {
  const { folder, store, open } = await overSqlite(t)
  const ids = Array.from({ length: 2000 }, (_, index) => `client-${index}`)
  const file = join(folder, 'clients.csv')
  const output = join(folder, 'secrets.jsonl')
  writeFileSync(file, `client_id,scope\n${ids.map((id) => `${id},data:read`).join('\n')}\n`)
  const killed = program(['client', 'import', '-', '--format', 'csv', '--output', output], { OAUTH_STORE: store })
  // More than it may have when it is killed, and no end: it cannot be done before.
  killed.child.stdin.on('error', () => {}).write(readFileSync(file, 'utf8').slice(0, 40_000))
  while (!existsSync(output) || linesOf(readFileSync(output, 'utf8')).length < 500) await setTimeout(1)
  killed.child.kill('SIGKILL')
  t.equal((await killed.ended).code, null)

  const again = await program(['client', 'import', file, '--output', output, '--json'], { OAUTH_STORE: store }).ended
  t.equal(again.code, 0, again.stderr)
  const { rows, added, skipped } = JSON.parse(again.stdout)
  t.strictSame([rows, added + skipped], [2000, 2000])
  t.ok(added > 0 && skipped > 0, `${skipped} were there`)
  const registry = open()
  const secrets = secretsIn(output)
  const right = await Promise.all(ids.map(async (id) => await knows(registry, id, secrets.get(id) ?? '')))
  t.ok(right.every(Boolean))
})

/** Runs the program as a process of its own, loaded as this test is: what tsx makes of it would count as covered, all of it. */
function program (args: readonly string[], env: Record<string, string>, options: readonly string[] = []) {
  const child = spawn(process.execPath, [...process.execArgv, ...options, join(root, 'src/cli/main.ts'), ...args], { env: { ...process.env, ...env }, stdio: 'pipe' })
  const ended = (async (): Promise<Ran> => {
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk) => { output.stdout += chunk })
    child.stderr.on('data', (chunk) => { output.stderr += chunk })
    const [code] = await once(child, 'close') as [number | null]
    return { code, ...output }
  })()
  return { child, ended }
}

async function collect<T> (values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}

t.test('A scope that no server on the store declares is an error, and not where none has started', async (t) => {
  const { typed, open, folder } = await overSqlite(t)
  t.match(await typed('client add early --scope data:raed'), { code: 0, stderr: /not checked/ })
  const store = open.store()
  const start = async (scheme: string, scopes: Record<string, string>) => await new ClientCredentialsFlowBuilder({ securitySchemeName: scheme }).setScopes(scopes)
    .useClients(new ClientRegistry(store, { now: () => NOW })).useAccessTokens(accessTokens(store)).build().start()
  await start('one', { 'data:read': 'Read' })
  await start('other', { 'data:write': 'Write' })
  t.match(await typed('client add late --scope data:raed'), { code: 1, stderr: /"data:raed".*Did you mean "data:read"/ })
  t.match(await typed(['client', 'add', 'late', '--scope', 'data:read data:write']), { code: 0 })
  t.match(await typed('client update late --scope data:wirte'), { code: 1, stderr: /"data:write"/ })
  writeFileSync(join(folder, 'more.csv'), 'client_id,scope\ngood,data:read\nbad,data:raed\n')
  t.match(await typed(`client import ${join(folder, 'more.csv')}`), { code: 1, stderr: /Line 3: .*"data:raed"/ })
})

t.test('A first run that fails leaves no database, and an empty one that is there counts as none', async (t) => {
  const { typed, file } = await overSqlite(t, { isThere: false })
  for (const line of ['client add --certificate-name dns:a --auth-method private_key_jwt', 'keys rotate', 'keys list', 'client list']) {
    t.not((await typed(line)).code, 0, line)
    for (const suffix of ['', '-wal', '-shm']) t.notOk(existsSync(`${file}${suffix}`), line)
  }
  for (const line of ['migrate', 'client add']) {
    const database = new Database(file)
    database.exec('PRAGMA journal_mode = WAL')
    database.close()
    t.ok(existsSync(file))
    t.match(await typed('keys rotate'), { code: 1 }, 'a command that creates nothing')
    t.match(await typed(line), { code: 0 }, line)
    t.match(await typed('keys rotate'), { code: 0 })
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true })
  }
  writeFileSync(file, 'no database')
  t.match(await typed('migrate'), { code: 1 })
  t.equal(readFileSync(file, 'utf8'), 'no database')
})

t.test('A misspelt option or command gets the nearest name', async (t) => {
  const { typed } = await overSqlite(t)
  for (const [line, nearest] of [['client add --sope a', '--scope'], ['client list --jsn', '--json'], ['keys rotate --annonce-for=10m', '--announce-for'], ['client ad', 'client add'], ['cleint add', 'client']] as const) {
    const { code, stderr } = await typed(line)
    t.equal(code, 2)
    t.match(stderr, `Did you mean ${nearest}?`, line)
  }
  t.notMatch((await typed('client list --zzzzzzzzz')).stderr, 'Did you mean')
})

t.test('A first import that is rejected leaves no database', async (t) => {
  const { typed, file, folder } = await overSqlite(t, { isThere: false })
  const csv = join(folder, 'clients.csv')
  writeFileSync(csv, 'client_id,scope\nbad id,data:read\n')
  t.match(await typed(`client import ${csv}`), { code: 1 })
  t.notOk(existsSync(file))
  t.match(await typed('client add --certificate-name dns:a --auth-method private_key_jwt'), { code: 2 })
  t.notOk(existsSync(file))
  writeFileSync(csv, 'client_id,scope\ngood,data:read\n')
  t.match(await typed(`client import ${csv}`), { code: 0 })
})
