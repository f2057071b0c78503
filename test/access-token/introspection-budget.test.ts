import t from 'tap'
import type { Test } from 'tap'
import { IntrospectionBudget } from '../../src/access-token/remote/introspection-budget.ts'
import { RemoteAccessTokens } from '../../src/access-token/remote/remote-access-tokens.ts'

const ISSUER = 'https://as.example'
const bearer = (address?: string) => ({ tokenType: 'Bearer', confirmation: undefined, address })

/** A resource server whose issuer says that tokens with "good" are active. */
function resourceServer () {
  const asked: string[] = []
  const clock = { time: 1_800_000_000 }
  const fetch = async (url: string, init?: { body?: string }) => {
    if (url.includes('well-known')) return Response.json({ issuer: ISSUER, introspection_endpoint: `${ISSUER}/introspect` })
    const token = new URLSearchParams(init?.body).get('token')!
    asked.push(token)
    if (token === 'broken') return new Response('', { status: 500 })
    return Response.json(token.startsWith('good') ? { active: true, aud: 'api', client_id: 'reader' } : { active: false })
  }
  const tokens = new RemoteAccessTokens({ issuer: ISSUER, audience: 'api', introspection: { clientId: 'a', clientSecret: 'b' }, fetch: fetch as never, now: () => clock.time })
  const verify = async (token: string, address?: string) => await tokens.verify(token, bearer(address)).then(({ isValid }) => isValid, (error) => error.name as string)
  return { asked, clock, verify }
}

/** Real time passes too, in which the budget grows: by much less than a tenth. */
function near (t: Test, { rejected, unknown }: { rejected: number, unknown: number }, expected: { rejected: number, unknown: number }): void {
  t.equal(rejected + unknown, expected.rejected + expected.unknown)
  t.ok(rejected >= expected.rejected && rejected <= expected.rejected * 1.1, `${rejected} rejected`)
}

/** Verifies tokens at once. */
const outcomes = async (verify: ReturnType<typeof resourceServer>['verify'], count: number, addressOf: (number: number) => string | undefined) => {
  const results = await Promise.all(Array.from({ length: count }, async (_, number) => await verify(`bad${number}`, addressOf(number))))
  return { rejected: results.filter((result) => result === false).length, unknown: results.filter((result) => result === 'IssuerUnavailableError').length }
}

t.test('The issuer is asked about 200 invented tokens of one network, then 20 a second; the rest is answered with 503', async (t) => {
  const { asked, clock, verify } = resourceServer()
  const flood = outcomes(verify, 300, () => '192.0.2.1')
  const good = [verify('good', '192.0.2.1'), verify('good', '192.0.2.2')]
  near(t, await flood, { rejected: 200, unknown: 100 })
  t.strictSame(await Promise.all(good), ['IssuerUnavailableError', true], 'nothing is known of a good token either; another network is asked for')
  t.equal(await verify('good', '192.0.2.1'), true, 'cached by now')
  t.ok(asked.length >= 201 && asked.length <= 221)
  clock.time += 5
  near(t, await outcomes(verify, 300, () => '192.0.2.1'), { rejected: 100, unknown: 200 })
})

t.test('Active tokens cost nothing, and neither does an issuer that fails', async (t) => {
  const { verify } = resourceServer()
  for (let number = 0; number < 300; number++) t.equal(await verify(`good${number}`, '192.0.2.1'), true)
  for (let number = 0; number < 300; number++) t.equal(await verify('broken', '192.0.2.1'), 'IssuerUnavailableError')
  t.equal(await verify('bad', '192.0.2.1'), false)
})

t.test('All networks together, and callers without an address, have 2,000 questions, and 200 a second', async (t) => {
  const { clock, verify } = resourceServer()
  near(t, await outcomes(verify, 2500, (number) => number % 2 === 0 ? undefined : `192.0.${number >> 8}.${number & 255}`), { rejected: 2000, unknown: 500 })
  clock.time += 5
  near(t, await outcomes(verify, 1500, () => undefined), { rejected: 1000, unknown: 500 })
})

t.test('Questions that are under way count, and what is given back never exceeds the budget', async (t) => {
  const budget = new IntrospectionBudget(() => 0)
  const taken = Array.from({ length: 250 }, () => budget.take('2001:db8::1'))
  t.equal(taken.filter((giveBack) => giveBack !== undefined).length, 200)
  t.equal(budget.take('2001:db8::2'), undefined, 'the same network')
  for (const giveBack of taken) giveBack?.()
  for (const giveBack of taken) giveBack?.()
  t.equal(Array.from({ length: 250 }, () => budget.take('2001:db8::1')).filter((giveBack) => giveBack !== undefined).length, 200)
})
