// Your own tables: the three callbacks over SQLite. Clients and tokens are rows, and of both only hashes are stored.
// Run it by: npm run example:own-tables
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import Fastify from 'fastify'
import clientCredentialsPlugin, { ClientCredentialsFlowBuilder, credentialsOf } from 'fastify-client-credentials'
import Database from 'libsql'

interface ClientRow { client_id: string, secret_hash: Buffer, scopes: string }
interface TokenRow { client_id: string, scope: string }

const sha256 = (text: string) => createHash('sha256').update(text).digest()
const now = () => Math.floor(Date.now() / 1000)

const db = new Database(process.env.DATABASE ?? ':memory:')
db.exec(`
  CREATE TABLE IF NOT EXISTS clients (client_id TEXT PRIMARY KEY, secret_hash BLOB NOT NULL, scopes TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS tokens (token_hash BLOB PRIMARY KEY, client_id TEXT NOT NULL, scope TEXT NOT NULL, expires_at INTEGER NOT NULL);
`)
const findClient = db.prepare('SELECT client_id, secret_hash, scopes FROM clients WHERE client_id = ?')
const saveToken = db.prepare('INSERT INTO tokens (token_hash, client_id, scope, expires_at) VALUES (?, ?, ?, ?)')
const findToken = db.prepare('SELECT client_id, scope FROM tokens WHERE token_hash = ? AND expires_at > ?')
const dropExpired = db.prepare('DELETE FROM tokens WHERE expires_at <= ?')

// 256 random bits need no slow hash: nobody can guess them.
const secret = randomBytes(32).toString('base64url')
db.prepare('INSERT OR REPLACE INTO clients VALUES (?, ?, ?)').run('billing', sha256(secret), 'invoices:read')
const unknownClient = { secret_hash: randomBytes(32), scopes: '' }

const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'invoices:read': 'Read invoices' })
  .setAccessTokenLifetime(900)
  .getClient(({ clientId, clientSecret = '' }) => {
    // An unknown client takes the same path, and so the same time, as a wrong secret.
    const row = findClient.get(clientId) as ClientRow | undefined
    const { secret_hash: secretHash, scopes } = row ?? unknownClient
    const matches = timingSafeEqual(sha256(clientSecret), secretHash)
    return row && matches ? { id: row.client_id, grants: ['client_credentials'], scopes: scopes.split(' ') } : undefined
  })
  .generateAccessToken(({ client, scope, accessTokenLifetime }) => {
    const token = randomBytes(32).toString('base64url')
    saveToken.run(sha256(token), client.id, scope.join(' '), now() + accessTokenLifetime)
    return token
  })
  .verifyToken((token) => {
    const row = findToken.get(sha256(token), now()) as TokenRow | undefined
    if (row === undefined) return { isValid: false, message: 'The access token is unknown or has expired' }
    return { isValid: true, credentials: { app: { id: row.client_id }, scope: row.scope } }
  })
  .build()

const app = Fastify({ logger: true })
await app.register(clientCredentialsPlugin, { flow })
app.get('/invoices', { preHandler: app.requireScopes('invoices:read') }, async (request) => {
  return { caller: credentialsOf(request).app.id, invoices: [] }
})

const cleaning = setInterval(() => dropExpired.run(now()), 60_000).unref()
app.addHook('onClose', () => {
  clearInterval(cleaning)
  db.close()
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
const origin = await app.listen({ port: Number(process.env.PORT ?? 3000) })

console.log(`
  TOKEN=$(curl -s -u 'billing:${secret}' -d grant_type=client_credentials ${origin}/oauth2/token | node -p 'JSON.parse(fs.readFileSync(0)).access_token')
  curl -H "Authorization: Bearer $TOKEN" ${origin}/invoices
`)
