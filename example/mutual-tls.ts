// A client authenticates by its certificate, and its tokens are bound to that (RFC 8705). Needs openssl, for certificates
// that live as long as this process. Run it by: npm run example:mutual-tls
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import clientCredentialsPlugin, {
  CertificateBoundTokenType, ClientCredentialsFlowBuilder, credentialsOf, JwtAccessTokens, MemoryStore, SigningKeys
} from 'fastify-client-credentials'
import type { OAuth2Client } from 'fastify-client-credentials'

const port = Number(process.env.PORT ?? 3000)
const issuer = `https://localhost:${port}`

const folder = mkdtempSync(join(tmpdir(), 'mutual-tls-'))
function makeCertificate (name: string) {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}-key.pem`)]
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-keyout', key, '-out', cert,
    '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`
  ], { stdio: 'ignore' })
  return { cert, key }
}
const [server, client, stranger] = [makeCertificate('localhost'), makeCertificate('partner'), makeCertificate('stranger')]

// The partner sends you its certificate once. It is registered with its key, as JWKS.
const certificate = new X509Certificate(readFileSync(client.cert))
const jwks = { keys: [{ ...certificate.publicKey.export({ format: 'jwk' }), x5c: [certificate.raw.toString('base64')] }] }
const partner: OAuth2Client = {
  id: 'partner',
  grants: ['client_credentials'],
  scopes: ['orders:read'],
  metadata: { token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks }
}
const findClient = (id: string) => id === partner.id ? partner : undefined

const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
  .setScopes({ 'orders:read': 'Read orders' })
  .useClients({ findClient, getClient: ({ clientId }) => findClient(clientId) })
  .addClientAuthenticationMethod('self_signed_tls_client_auth')
  .setTokenType(new CertificateBoundTokenType())
  .useAccessTokens(new JwtAccessTokens({ issuer, audience: issuer, keys: new SigningKeys(new MemoryStore()) }))
  .build()

const app = Fastify({
  logger: { level: 'warn' },
  // Certificates are asked for, and none is refused here: whose they are is compared with what is registered.
  https: { cert: readFileSync(server.cert), key: readFileSync(server.key), requestCert: true, rejectUnauthorized: false }
})
await app.register(clientCredentialsPlugin, { flow })
app.get('/orders', { preHandler: app.requireScopes('orders:read') }, async (request) => {
  return { caller: credentialsOf(request).app.id, orders: [] }
})
process.once('exit', () => rmSync(folder, { recursive: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => app.close())
await app.listen({ port })

const curl = `curl -s --cacert ${server.cert}`
const asPartner = `${curl} --cert ${client.cert} --key ${client.key}`
const asStranger = `${curl} --cert ${stranger.cert} --key ${stranger.key}`
const grant = `-d grant_type=client_credentials -d client_id=partner ${issuer}/oauth2/token`

console.log(`
Get a token by the certificate of the partner, and use it:
  TOKEN=$(${asPartner} ${grant} | node -p 'JSON.parse(fs.readFileSync(0)).access_token')
  ${asPartner} -H "Authorization: Bearer $TOKEN" ${issuer}/orders

Steal the token, and try it with another certificate, and with none:
  ${asStranger} -i -H "Authorization: Bearer $TOKEN" ${issuer}/orders
  ${curl} -i -H "Authorization: Bearer $TOKEN" ${issuer}/orders

With another certificate there is no token either:
  ${asStranger} -i ${grant}
`)
