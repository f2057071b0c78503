import formbody from '@fastify/formbody'
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { clientCredentialsPlugin, ClientCredentialsFlowBuilder } from '../../plugin/index.ts'

const FORM = 'application/x-www-form-urlencoded'
const flow = () => new ClientCredentialsFlowBuilder()
  .setScopes({ 'data:read': 'Read' })
  .getClient(() => undefined)
  .generateAccessToken(() => undefined)
  .verifyToken((token) => ({ isValid: token === 'good', credentials: { app: { id: 'reader' }, scope: ['data:read'] } }))
  .build()

type Hook = 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler'

/** An application with a guard that is a hook of a whole encapsulation context. */
const APPLICATIONS: Record<string, (app: FastifyInstance, hook: Hook, handler: () => Promise<string>) => Promise<void>> = {
  'of the application': async (app, hook, handler) => {
    await app.register(clientCredentialsPlugin, { flow: flow() })
    app.addHook(hook as 'onRequest', app.requireScopes('data:read') as never)
    app.post('/data', handler)
  },
  'of the application, on a route that was declared before the plugin': async (app, hook, handler) => {
    app.post('/data', handler)
    await app.register(clientCredentialsPlugin, { flow: flow() })
    app.addHook(hook as 'onRequest', app.requireScopes('data:read') as never)
  },
  'of an encapsulation context': async (app, hook, handler) => {
    await app.register(clientCredentialsPlugin, { flow: flow() })
    await app.register(async (child) => {
      child.addHook(hook as 'onRequest', app.requireScopes('data:read') as never)
      child.post('/data', handler)
    })
  },
  'of the route': async (app, hook, handler) => {
    await app.register(clientCredentialsPlugin, { flow: flow() })
    app.post('/data', { [hook]: app.requireScopes('data:read') }, handler)
  }
}

for (const [where, declare] of Object.entries(APPLICATIONS)) {
  for (const hook of ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const) {
    t.test(`RFC 6750 §2: a guard that is a hook ${where} (${hook}) rejects a second token in a form body`, async (t) => {
      let handled = 0
      const app = Fastify()
      await app.register(formbody)
      await declare(app, hook, async () => { handled++; return 'done' })
      const post = async (payload: string, type = FORM) => {
        const response = await app.inject({ method: 'POST', url: '/data', headers: { authorization: 'Bearer good', 'content-type': type }, payload })
        return [response.statusCode, response.headers['www-authenticate'] !== undefined && /error="([^"]*)"/.exec(String(response.headers['www-authenticate']))?.[1]]
      }
      t.strictSame(await post('access_token=other&a=b'), [400, 'invalid_request'])
      t.strictSame(await post('a=b&access_token=good'), [400, 'invalid_request'])
      t.strictSame(await post('access_token='), [400, 'invalid_request'])
      t.equal(handled, 0)
      t.strictSame(await post('a=b'), [200, false])
      t.strictSame(await post('{"access_token":"of the application"}', 'application/json'), [200, false])
      t.equal(handled, 2)
    })
  }
}

t.test('A route without a guard may have a parameter of this name', async (t) => {
  const app = Fastify()
  await app.register(formbody)
  await app.register(clientCredentialsPlugin, { flow: flow() })
  app.post('/open', async () => 'done')
  t.equal((await app.inject({ method: 'POST', url: '/open', headers: { 'content-type': FORM }, payload: 'access_token=a' })).statusCode, 200)
})
