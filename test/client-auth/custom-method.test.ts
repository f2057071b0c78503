import { createHmac, timingSafeEqual } from 'node:crypto'
import Fastify from 'fastify'
import t from 'tap'
import { clientCredentialsPlugin, ClientCredentialsFlowBuilder, InvalidClientError } from '../../plugin/index.ts'
import type { ClientAuthMethod, PresentedClient } from '../../plugin/index.ts'

const KEY = 'a key that the client and the server share'
const mac = (id: string) => createHmac('sha256', KEY).update(id).digest('base64url')

/** The whole of a new method: clients sign their id into a header field. No file of the package knows it. */
const signedId: ClientAuthMethod = {
  name: 'signed_id',
  needs: 'nothing',
  carries: (request) => request.header('x-client') !== undefined,
  authenticate (request) {
    const [id = '', signature = ''] = (request.header('x-client') ?? '').split('.')
    const [sent, expected] = [Buffer.from(signature), Buffer.from(mac(id))]
    if (sent.length !== expected.length || !timingSafeEqual(sent, expected)) throw new InvalidClientError(undefined, { cause: 'the signature is wrong' })
    return { kind: 'verified', clientId: id }
  },
  claimedClientId: (request) => request.header('x-client')?.split('.')[0]
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const basic = (id: string) => `Basic ${Buffer.from(`${id}:secret`).toString('base64')}`

async function appWith (...methods: ClientAuthMethod[]) {
  const builder = new ClientCredentialsFlowBuilder().setRejectionDelay(0)
  builder.addClientAuthenticationMethod('client_secret_basic')
  for (const method of methods) builder.addClientAuthenticationMethod(method)
  const flow = builder
    .getClient(({ clientId, clientSecret, clientAuthMethod }) => clientAuthMethod !== 'client_secret_basic' || clientSecret === 'secret' ? { id: clientId, grants: ['client_credentials'] } : undefined)
    .generateAccessToken(({ client }) => client.id)
    .build()
  const app = Fastify()
  await app.register(clientCredentialsPlugin, { flow })
  return async (headers: Record<string, string>, parameters = '') => {
    const response = await app.inject({ method: 'POST', url: '/token', headers: { ...FORM, ...headers }, payload: `grant_type=client_credentials${parameters}` })
    return [response.statusCode, response.json().error ?? response.json().access_token]
  }
}

t.test('A new method is one object: its clients get tokens, by it alone, and those of other methods as before', async (t) => {
  const ask = await appWith(signedId)
  t.strictSame(await ask({ 'x-client': `service.${mac('service')}` }), [200, 'service'])
  t.strictSame(await ask({ authorization: basic('other') }), [200, 'other'])
  t.strictSame(await ask({ 'x-client': `service.${mac('other')}` }), [401, 'invalid_client'])
  t.strictSame(await ask({}), [401, 'invalid_client'])
  t.strictSame(await ask({ 'x-client': `service.${mac('service')}` }, '&client_id=other'), [400, 'invalid_request'])
})

t.test('RFC 6749 §2.3: it counts as a mechanism, right or wrong, beside those that the flow has and those that it has not', async (t) => {
  const ask = await appWith(signedId)
  for (const signature of [mac('service'), 'wrong']) {
    const own = { 'x-client': `service.${signature}` }
    t.strictSame(await ask({ ...own, authorization: basic('service') }), [400, 'invalid_request'])
    t.strictSame(await ask({ ...own, authorization: 'Bearer a' }), [400, 'invalid_request'])
    t.strictSame(await ask(own, '&client_secret=a'), [400, 'invalid_request'])
    t.strictSame(await ask(own, '&client_assertion=a'), [400, 'invalid_request'])
  }
  t.strictSame(await ask({ authorization: basic('a') }, '&client_assertion=a'), [400, 'invalid_request'])
})

t.test('RFC 6749 §2.3: nothing is verified of a request with two mechanisms', async (t) => {
  let calls = 0
  const counting = { ...signedId, authenticate: () => { calls++; return undefined } }
  const ask = await appWith(counting)
  await ask({ 'x-client': 'a.b', authorization: basic('a') })
  t.equal(calls, 0)
  await ask({ 'x-client': 'a.b' })
  t.equal(calls, 1)
})

t.test('Two methods of one mechanism read the same credentials, and two that both take them are a request with two methods', async (t) => {
  const shared = { mechanism: 'x-client', carries: signedId.carries }
  const onlyOdd: ClientAuthMethod = { ...shared, name: 'odd', authenticate: (request) => request.header('x-client') === 'odd' ? { kind: 'verified', clientId: 'odd' } : undefined }
  const everything: ClientAuthMethod = { ...shared, name: 'all', authenticate: () => ({ kind: 'verified', clientId: 'all' }) }
  const ask = await appWith(onlyOdd, everything)
  t.strictSame(await ask({ 'x-client': 'even' }), [200, 'all'])
  t.strictSame(await ask({ 'x-client': 'odd' }), [400, 'invalid_request'])
})

t.test('Credentials that are there for another purpose count where there are no others', async (t) => {
  const secondary: ClientAuthMethod = { ...signedId, isSecondary: true, authenticate: () => ({ kind: 'verified', clientId: 'by-header' }) }
  const ask = await appWith(secondary)
  t.strictSame(await ask({ 'x-client': 'a' }), [200, 'by-header'])
  t.strictSame(await ask({ 'x-client': 'a', authorization: basic('by-secret') }), [200, 'by-secret'])
  t.strictSame(await ask({ 'x-client': 'a' }, '&client_secret=a'), [401, 'invalid_client'])
})

t.test('RFC 6749 §2.3.1: failures count for the client that the method says is claimed, and a right proof passes all the same', async (t) => {
  const ask = await appWith(signedId)
  const wrong = { 'x-client': `service.${mac('other')}` }
  for (let failure = 0; failure < 10; failure++) t.strictSame(await ask(wrong), [401, 'invalid_client'])
  t.equal((await ask(wrong))[0], 429)
  t.strictSame(await ask({ 'x-client': `service.${mac('service')}` }), [200, 'service'])
  t.strictSame(await ask({ 'x-client': 'other.wrong' }), [401, 'invalid_client'])
})

t.test('A client without a tag is an error of the method: it is neither verified nor to be verified', async (t) => {
  const CLIENTS: unknown[] = [
    { clientId: 'a' }, { clientId: 'a', clientSecret: 'secret' }, { kind: 'secret', clientId: 'a' }, { kind: 'secret', clientId: 'a', clientSecret: 5 },
    { kind: 'verified', clientId: 'a', clientSecret: 'b' }, { kind: 'verified' }, { kind: 'other', clientId: 'a' }, true, 'a'
  ]
  for (const client of CLIENTS) {
    const ask = await appWith({ ...signedId, authenticate: () => client as PresentedClient })
    t.strictSame(await ask({ 'x-client': 'a' }), [500, 'server_error'], JSON.stringify(client))
  }
})

t.test('carries must be there, and answer by a boolean', async (t) => {
  const ask = await appWith({ ...signedId, carries: () => Promise.resolve(false) as never })
  t.strictSame(await ask({ authorization: basic('a') }), [500, 'server_error'])
  const { carries, ...without } = signedId
  await t.rejects(appWith(without as ClientAuthMethod), { code: 'FST_OAUTH_INVALID_AUTH_METHOD' })
})
