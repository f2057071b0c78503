// Every command here is one of example/operating.md, executed as it is written there.
import { decodeProtectedHeader } from 'jose'
import t from 'tap'
import { give, revokeToken, send } from '../failover/http.ts'
import { PROMISED, WRITTEN_BACK_WITHIN } from '../failover/settings.ts'
import { delay, now, until } from '../failover/time.ts'
import { Deployment } from './deployment.ts'
import type { Place } from './deployment.ts'
import { runbookOf, runCommands } from './page.ts'
import { Restore } from './restore.ts'
import { eventually, rejects, runIn } from './steps.ts'

// Seconds.
const INTROSPECTION_AGE = 60
const JWKS_AGE = 600
const LIFETIME = 3600
const CLOCK_TOLERANCE = 60

const deployment = await Deployment.start()
const { world } = deployment
t.teardown(async () => { await deployment.close() })

t.test('leaked secret', async (t) => {
  const client = await deployment.addClient('billing')
  const tokens = await deployment.tokensOf(client)
  await deployment.restartResourceServer()
  t.strictSame([await deployment.presentElsewhere(tokens.jwt, 'introspection'), await deployment.presentElsewhere(tokens.jwt, 'jwks')], [200, 200])
  const [disable, rotate, enable, findOut] = runbookOf('leaked secret') as [string, string, string, string]
  const run = runIn(t, deployment, { CLIENT_ID: client.id })

  const disabled = await rejects(t, deployment, { places: [...deployment.placesOf(tokens), ...deployment.secretPlacesOf(client)], work: async () => await run(disable) })
  t.match(disabled.output, /is disabled, and its access tokens are revoked/)
  t.equal(await deployment.presentElsewhere(tokens.jwt, 'introspection'), 200, 'the answer of the issuer is cached')
  world.resourceServer.setAhead(INTROSPECTION_AGE + 1)
  t.equal(await eventually(async () => await deployment.presentElsewhere(tokens.jwt, 'introspection')), 401, 'a minute and a second later')
  t.equal(await deployment.presentElsewhere(tokens.jwt, 'jwks'), 200, 'by the JWKS it is valid')
  world.resourceServer.setAhead(LIFETIME + CLOCK_TOLERANCE + 1)
  t.equal(await eventually(async () => await deployment.presentElsewhere(tokens.jwt, 'jwks')), 401, 'until it expires')

  const { output } = await run(rotate)
  const secret = /client_secret\s+(\S+)/.exec(output)![1]!
  await run(enable)
  await delay(PROMISED)
  t.strictSame(await deployment.statusesOf([...deployment.placesOf(tokens), ...deployment.secretPlacesOf(client)]), [401, 401, 401, 401, 401, 401])
  t.strictSame(await deployment.statusesOf(deployment.placesOf(await deployment.tokensOf({ id: client.id, secret }))), [200, 200, 200, 200])
  t.match((await run(findOut)).output, /billing[^]*LAST USED[^]*billing\s+enabled[^]*billing \S+\s+added[^]*billing\s+disabled/)
})

t.test('leaked key', async (t) => {
  const client = await deployment.addClient('reports')
  const tokens = await deployment.tokensOf(client)
  await deployment.restartResourceServer()
  const elsewhere = async () => [await deployment.presentElsewhere(tokens.jwt, 'introspection'), await deployment.presentElsewhere(tokens.jwt, 'jwks')]
  t.strictSame(await elsewhere(), [200, 200])
  const kid = decodeProtectedHeader(tokens.jwt).kid!
  const [revoke, list] = runbookOf('leaked key') as [string, string]
  const run = runIn(t, deployment, { KID: kid })

  const revoked = await rejects(t, deployment, { places: signedAlone(deployment.placesOf(tokens)), work: async () => await run(revoke) })
  t.match(revoked.output, new RegExp(`${kid}[^]*Key ${kid} is revoked, and its tokens are invalid`))
  t.strictSame(await elsewhere(), [200, 200], 'answers and JWKS are cached')
  world.resourceServer.setAhead(INTROSPECTION_AGE + 1)
  t.strictSame(await eventually(elsewhere, [401, 200]), [401, 200])
  world.resourceServer.setAhead(JWKS_AGE + 1)
  t.strictSame(await eventually(elsewhere, [401, 401]), [401, 401])

  const { output } = await run(list)
  t.match(output, /current/)
  t.notMatch(output, kid)
  const others = await deployment.tokensOf(client)
  await delay(PROMISED)
  t.strictSame(await deployment.statusesOf(deployment.placesOf(others)), [200, 200, 200, 200])
})

t.test('compromised admin', async (t) => {
  const admin = await deployment.addClient('operator')
  const { OAUTH_STORE } = deployment.variables
  await runCommands(`npx fastify-client-credentials client update ${admin.id} --scope clients:manage`, { OAUTH_STORE: OAUTH_STORE! })
  await delay(PROMISED)
  const bystander = await deployment.tokensOf(await deployment.addClient('bystander'))
  const { jwt: stolen } = await deployment.tokensOf(admin)
  const added = await send(world.servers[0].plan.ports[0], '/admin/clients', {
    method: 'POST',
    headers: { authorization: `Bearer ${stolen}`, 'content-type': 'application/json' },
    body: JSON.stringify({ client_id: 'intruder', scope: 'data:read' })
  })
  t.equal(added.status, 201, added.body)
  const intruder = { id: 'intruder', secret: (JSON.parse(added.body) as { client_secret: string }).client_secret }
  const itsTokens = await deployment.tokensOf(intruder)
  const [disable, read, remove, revokeAll, readmit] = runbookOf('compromised admin') as [string, string, string, string, string]
  const run = runIn(t, deployment, { CLIENT_ID: admin.id, INTRUDER: intruder.id })

  await rejects(t, deployment, { places: [...deployment.adminPlacesOf(stolen), ...deployment.secretPlacesOf(admin)], work: async () => await run(disable) })
  t.match((await run(read)).output, /client operator\s+client\s+intruder\s+added/)
  await rejects(t, deployment, { places: [...deployment.placesOf(itsTokens), ...deployment.secretPlacesOf(intruder)], work: async () => await run(remove) })
  t.strictSame(await deployment.statusesOf(deployment.placesOf(bystander)), [200, 200, 200, 200])
  await rejects(t, deployment, { places: deployment.placesOf(bystander), work: async () => await run(revokeAll) })
  const { output } = await run(readmit)
  await delay(PROMISED)
  const { jwt } = await deployment.tokensOf({ id: admin.id, secret: /client_secret\s+(\S+)/.exec(output)![1]! })
  t.strictSame(await deployment.statusesOf([...deployment.adminPlacesOf(jwt), ...deployment.adminPlacesOf(stolen)]), [200, 200, 401, 401])
})

t.test('failover', async (t) => {
  const [byServer, byCommand, untouched] = [await deployment.addClient('by-server'), await deployment.addClient('by-command'), await deployment.addClient('untouched')]
  const [held, lost, others] = [await deployment.tokensOf(byServer), await deployment.tokensOf(byCommand), await deployment.tokensOf(untouched)]
  await world.postgres.synchronize(false)
  const [promote, list, again, revokeAll] = runbookOf('failover') as [string, string, string, string]
  const run = runIn(t, deployment, { CLIENT_ID: byCommand.id, STANDBY: world.databaseUrl(world.postgres.standbyPort) })

  world.postgres.cutReplication()
  t.equal((await give(world.servers[0].plan.ports[0], { order: 'disable', id: byServer.id })).outcome?.isDone, true)
  await rejects(t, deployment, { places: deployment.placesOf(held), work: async () => {} })
  // Nobody presents anything from here on: no server reads what the command line does.
  await world.administer({ order: 'disable', id: byCommand.id })
  await world.postgres.killPrimary()
  world.postgresProxy.leadTo()
  await world.postgres.promote(async () => await run(promote))
  world.postgresProxy.leadTo(world.postgres.port)
  const promotedAt = now()

  // What servers had read is rejected, and written back.
  const { observations } = await deployment.observe(deployment.placesOf(held), async () => { await deployment.writtenBack(byServer.id) })
  t.ok(observations.every(({ lastAcceptedAt, isRejected }) => isRejected && lastAcceptedAt === -Infinity), 'nothing is accepted again')
  t.comment(`written back ${(now() - promotedAt).toFixed(0)} ms after the failover`)
  t.strictSame(await deployment.statusesOf(deployment.placesOf(lost)), [200, 200, 200, 200], 'what the command line did last is lost')
  t.notMatch((await run(list)).output, /by-command\s+disabled/)
  await rejects(t, deployment, { places: deployment.placesOf(lost), work: async () => await run(again) })
  t.strictSame(await deployment.statusesOf(deployment.placesOf(others)), [200, 200, 200, 200])
  await rejects(t, deployment, { places: deployment.placesOf(others), work: async () => await run(revokeAll) })
  await world.postgres.addStandby()
})

t.test('failover of Redis', async (t) => {
  const client = await deployment.addClient('of-redis')
  const { jwt } = await deployment.tokensOf(client)
  const places = signedAlone(deployment.placesOf({ jwt, opaque: '' }))
  world.redis.cutReplication()
  await rejects(t, deployment, { places, work: async () => await revokeToken(world.servers[0].plan.ports[0], client.id, client.secret, jwt) })
  await world.redis.killPrimary()
  world.redisProxy.leadTo()
  await world.redis.promote()
  world.redisProxy.leadTo(world.redis.port)
  const { observations } = await deployment.observe(places, async () => {
    await until('the revocation is written back', async () => (await world.redis.client.keys('*{revocations}:positions')).length > 0, WRITTEN_BACK_WITHIN)
  })
  t.ok(observations.every(({ lastAcceptedAt, isRejected }) => isRejected && lastAcceptedAt === -Infinity), 'it is accepted at no moment')
  await world.redis.addReplica()
})

t.test('restored backup, while the servers run', async (t) => {
  const before = await Restore.prepare(t, deployment)
  const [, restore, revokeAll, revokeKey, repeat] = runbookOf('restored backup') as [string, string, string, string, string]
  const { observations } = await deployment.observe(before.revoked, async () => {
    await before.run(restore)
    await deployment.writtenBack(before.clientId)
  })
  t.ok(observations.every(({ lastAcceptedAt }) => lastAcceptedAt === -Infinity), 'nothing that was revoked is accepted at any moment')
  t.strictSame(await deployment.statusesOf(before.valid), [200, 200], 'tokens of before the backup are valid')
  await rejects(t, deployment, { places: before.valid, work: async () => await before.run(revokeAll) })
  const { status, output } = await runCommands(revokeKey, before.variables)
  t.ok(status === 0 || /There is no key/.test(output), output)
  await before.run(repeat)
  await before.finish()
})

t.test('restored backup, with no server running', async (t) => {
  const before = await Restore.prepare(t, deployment)
  const [, restore, revokeAll, revokeKey, repeat] = runbookOf('restored backup') as [string, string, string, string, string]
  for (const server of world.servers) await server.kill()
  for (const commands of [restore, revokeAll, revokeKey, repeat]) await before.run(commands)
  for (const server of world.servers) await server.start()
  t.strictSame(new Set(await deployment.statusesOf(before.revoked)), new Set([401]))
  await before.finish()
})

function signedAlone (places: readonly Place[]): Place[] {
  return places.filter(({ name }) => name.startsWith('signed'))
}
