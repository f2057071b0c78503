// A fetch for URLs that somebody else chose must not reach what he cannot.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, LookupFunction } from 'node:net'
import t from 'tap'
import { fetchJson } from '../../src/http-client/fetch-json.ts'
import { guardedFetch } from '../../src/index.ts'
import { isPublicAddress } from '../../src/lib/ip.ts'
import { HOST, HttpsServer } from '../support/https-server.ts'

const server = await HttpsServer.start()
t.teardown(() => server.close())
t.beforeEach(() => {
  server.requests.length = server.connections.length = 0
  server.serve({ ok: true })
})

const NOT_PUBLIC = { message: /is not on the public internet$/ }
const OPEN = { ca: server.certificate, dangerouslyAllowPrivateAddresses: true }

/** A name server that has one answer, and counts how often it is asked. */
function resolver (...addresses: string[]) {
  const asked: string[] = []
  const lookup = ((hostname, _options, callback) => {
    asked.push(hostname)
    callback(null, addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })))
  }) satisfies LookupFunction
  return { asked, lookup }
}
const here = resolver('127.0.0.1')
const reach = guardedFetch({ ...OPEN, lookup: here.lookup })

const PUBLIC = ['1.1.1.1', '8.8.8.8', '172.15.255.255', '172.32.0.0', '100.63.255.255', '100.128.0.0', '169.253.255.255', '192.0.1.0', '223.255.255.255', '2606:4700::1111', '2001:4860:4860::8888', '2a00::1']
const SPECIAL: Record<string, string[]> = {
  'this host': ['0.0.0.0', '0.1.2.3', '::'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  private: ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.168.255.255', 'fc00::1', 'fdff::1', 'fec0::1'],
  'link-local': ['169.254.0.1', '169.254.169.254', 'fe80::1', 'febf::1', 'fe80::1%eth0', '2606:4700::1111%eth0'],
  'carrier-grade NAT': ['100.64.0.1', '100.127.255.255'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
  'broadcast and reserved': ['255.255.255.255', '240.0.0.1', '4000::1', '8000::1', '100::1'],
  'assignments, documentation and benchmarks': ['192.0.0.170', '192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '198.19.255.255', '2001:db8::1', '3fff::1'],
  'IPv4 in IPv6, mapped': ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.0.0.1', '::ffff:1.1.1.1', '::ffff:0:1.1.1.1', '::127.0.0.1'],
  'IPv4 in IPv6, NAT64': ['64:ff9b::7f00:1', '64:ff9b::1.1.1.1', '64:ff9b:1::1'],
  'IPv4 in IPv6, 6to4 and its relays': ['2002:7f00:1::', '2002:101:101::1', '192.88.99.1'],
  'IPv4 in IPv6, Teredo': ['2001:0:53aa:64c::1', '2001::1'],
  'anycast of AS112 and AMT': ['192.31.196.1', '192.52.193.1', '192.175.48.1', '2620:4f:8000::1'],
  'no address at all': ['', 'localhost', '127.1', '2130706433', '0x7f.0.0.1', '010.1.1.1', '0x08.8.8.8', '8.526344', '::1::', '1.1.1.1.']
}

t.test('addresses on the public internet are', async (t) => {
  for (const address of PUBLIC) t.ok(isPublicAddress(address), address)
})

for (const [kind, addresses] of Object.entries(SPECIAL)) {
  t.test(`addresses that are not on the public internet: ${kind}`, async (t) => {
    for (const address of addresses) t.notOk(isPublicAddress(address), address)
  })
}

t.test('a host that is an address is judged without a name server, however it is written', async (t) => {
  const { asked, lookup } = resolver('1.1.1.1')
  const guarded = guardedFetch({ ca: server.certificate, lookup })
  const hosts = ['127.0.0.1', '127.1', '2130706433', '0x7f.1', '0177.0.0.1', '127.0.0.1.', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '0.0.0.0', '%31%32%37.0.0.1', '1２7.0.0.1']
  for (const host of hosts) await t.rejects(guarded(server.url('/', host)), NOT_PUBLIC, host)
  t.strictSame(asked, [])
  t.equal(server.requests.length, 0)
})

t.test('a name is refused when any of its addresses is not public', async (t) => {
  for (const addresses of [['127.0.0.1'], ['::1'], ['10.0.0.1'], ['1.1.1.1', '127.0.0.1'], ['2606:4700::1111', '::ffff:127.0.0.1'], ['169.254.169.254']]) {
    await t.rejects(guardedFetch({ ca: server.certificate, lookup: resolver(...addresses).lookup })(server.url()), NOT_PUBLIC, addresses.join())
  }
  t.equal(server.requests.length, 0)
})

t.test('the name server of the machine is asked, and localhost refused', async (t) => {
  await t.rejects(guardedFetch({ ca: server.certificate })(server.url('/', 'localhost')), NOT_PUBLIC)
  const response = await guardedFetch(OPEN)(server.url('/', 'localhost'))
  t.strictSame(await response.json(), { ok: true })
})

t.test('a name is resolved once per request, and the connection made to what was checked', async (t) => {
  // The first answer is good, each further one would lead elsewhere.
  let turn = 0
  const rebinding: LookupFunction = (_hostname, _options, callback) => { callback(null, [{ address: turn++ === 0 ? '127.0.0.1' : '127.0.0.2', family: 4 }]) }
  const response = await guardedFetch({ ...OPEN, lookup: rebinding })(server.url())
  t.equal(response.status, 200)
  t.equal(turn, 1)
  t.strictSame(server.connections.map(({ address }) => address), ['127.0.0.1'])

  // Each request asks again: an address that was good once is not good for ever.
  t.equal((await guardedFetch({ ...OPEN, lookup: here.lookup })(server.url())).status, 200)
  const guarded = guardedFetch({ ca: server.certificate, lookup: here.lookup })
  await t.rejects(guarded(server.url()), NOT_PUBLIC)
  await t.rejects(guarded(server.url()), NOT_PUBLIC)
})

t.test('a name that does not resolve is an error', async (t) => {
  const lookup: LookupFunction = (hostname, _options, callback) => { callback(Object.assign(new Error(`no ${hostname}`), { code: 'ENOTFOUND' }), []) }
  await t.rejects(guardedFetch({ lookup })(server.url()), { code: 'ENOTFOUND' })
  await t.rejects(guardedFetch({ lookup: resolver().lookup })(server.url()), Error)
})

t.test('only https URLs are fetched', async (t) => {
  const plain = createServer((_request, response) => { response.end('{}') }).listen(0)
  await once(plain, 'listening')
  t.teardown(() => plain.close())
  for (const url of [`http://127.0.0.1:${(plain.address() as AddressInfo).port}`, 'http://1.1.1.1', 'ftp://1.1.1.1', 'file:///etc/passwd', 'data:application/json,{}', 'blob:x']) {
    await t.rejects(reach(url), { message: 'Only https URLs are fetched' }, url)
  }
  for (const url of ['', '/jwks', 'https://', 'https://user:password@keys.example/']) await t.rejects(reach(url), TypeError, url)
})

t.test('the certificate must be trusted, and for the host', async (t) => {
  await t.rejects(guardedFetch({ dangerouslyAllowPrivateAddresses: true, lookup: here.lookup })(server.url()), Error)
  await t.rejects(reach(server.url('/', 'other.example')), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  t.equal(server.requests.length, 0)
  const response = await guardedFetch({ ...OPEN, ca: [server.certificate], lookup: here.lookup })(new URL(server.url()))
  t.equal(response.status, 200)
})

t.test('a redirect is not followed', async (t) => {
  server.handler = (_request, response) => { response.writeHead(302, { location: server.url('/elsewhere') }).end() }
  t.equal((await reach(server.url())).status, 302)
  await t.rejects(fetchJson(reach, server.url()), { cause: { message: 'The status is 302' } })
  t.strictSame(server.requests.map(({ url }) => url), ['/', '/'])
})

t.test('a request is a GET with the given fields, on a connection and a TLS session of its own', async (t) => {
  const send = () => reach(server.url('/jwks?a=b'), { method: 'POST', headers: { accept: 'application/json' } })
  for (let turn = 0; turn < 3; turn++) t.strictSame(await (await send()).json(), { ok: true })
  for (const { method, url, headers } of server.requests) {
    t.strictSame([method, url], ['GET', '/jwks?a=b'])
    t.strictSame(headers, { accept: 'application/json', host: `${HOST}:${server.port}`, connection: 'close' })
  }
  t.strictSame(server.connections.map(({ isResumed }) => isResumed), [false, false, false])
})

t.test('an answer without end is cut off', async (t) => {
  server.handler = (_request, response) => {
    const fill = () => { while (response.write('x'.repeat(65_536))); }
    response.on('drain', fill)
    fill()
  }
  await t.rejects(fetchJson(reach, server.url()), { cause: { message: 'The body is longer than 524288 bytes' } })
})

t.test('an answer that never comes, or never ends, is given up', async (t) => {
  for (const begin of ['', '{"keys":']) {
    const abortion = new AbortController()
    let closed: Promise<unknown> | undefined
    server.handler = (request, response) => {
      if (begin !== '') response.write(begin)
      closed = new Promise((resolve) => request.socket.once('close', resolve))
      setImmediate(() => abortion.abort(new Error('too slow')))
    }
    await t.rejects(async () => (await reach(server.url(), { signal: abortion.signal })).text(), Error, `behind "${begin}"`)
    await closed
  }
  await t.rejects(reach(server.url(), { signal: AbortSignal.abort() }), { name: 'AbortError' })
})

t.test('what is no answer to a fetch is an error, and ends no process', async (t) => {
  for (const status of [204, 205, 304, 600, 999]) {
    server.handler = (request) => { request.socket.end(`HTTP/1.1 ${status} Odd\r\n\r\n`) }
    await t.rejects(reach(server.url()), Error, String(status))
  }
  for (const bytes of ['', 'SSH-2.0-OpenSSH\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{', 'HTTP/1.1 101 Switching Protocols\r\n\r\n']) {
    server.handler = (request) => { request.socket.end(bytes) }
    await t.rejects(async () => (await reach(server.url())).text(), Error, JSON.stringify(bytes))
  }
})

t.test('an answer that leads to another protocol is an error, and nobody waits for it', async (t) => {
  server.handler = (request) => { request.socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n') }
  await t.rejects(reach(server.url()), { message: 'The connection was closed without an answer' })
})
