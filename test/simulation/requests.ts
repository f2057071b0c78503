// Requests of clients: for tokens, and with them.
import crypto from 'node:crypto'
import { checkAccess } from './check-access.ts'
import { checkIssued, checkRejectedRequest } from './check-issuing.ts'
import { nthKeyPair } from './key-pool.ts'
import type { IssuedToken } from './ledger.ts'
import { issueLegacyToken } from './legacy.ts'
import { pickToken, runningServers } from './pick.ts'
import type { Random } from './random.ts'
import { recordToken } from './record-token.ts'
import { ISSUER } from './run-context.ts'
import type { RunContext } from './run-context.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { EPOCH } from './world.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
export const PARTNER = 'partner'
// Nobody else is to suffer from those who guess.
const GUESSER = '203.0.113.9'
const PARTNER_KEY = 1_000_000

export function basic (clientId: string, secret: string): string {
  return `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`
}

/** A client asks a server for a token, mostly by its newest secret. */
export function requestToken (run: RunContext, random: Random): void {
  const clientId = `c${random.integer(0, run.config.clients - 1)}`
  const legacy = run.processes.find(({ kind }) => kind === 'legacy')
  if (legacy !== undefined && random.chance(0.3)) return legacy.host.run(async () => { await issueLegacyToken(run, legacy, clientId) })
  const servers = runningServers(run)
  if (servers.length === 0) return
  const server = random.pick(servers)
  const secrets = run.ledger.secrets.get(clientId) ?? []
  const secret = random.chance(0.8) ? secrets[0] : random.pick(secrets)
  if (secret !== undefined) server.host.run(async () => { await tokenRequest(run, server, clientId, secret) })
}

async function tokenRequest (run: RunContext, server: SimulatedProcess, clientId: string, secret: { id: string, secret: string }): Promise<void> {
  const { world, ledger } = run
  const requestedAt = world.now
  const { token, error } = await server.requestToken({ grant_type: 'client_credentials' }, basic(clientId, secret.secret))
  const request = { clientId, secretId: secret.id, requestedAt }
  if (token === undefined) {
    world.report.outcome(`token request: ${error?.code} ${error?.status}`)
    world.trace(() => `${server.name} answers ${error?.code} to ${clientId}, requested at ${requestedAt.toFixed(1)}`)
    return checkRejectedRequest(run, server, request, error as NonNullable<typeof error>)
  }
  world.report.outcome('token request: granted')
  const issued = recordToken(run, server, token, { clientId, requestedAt, isLegacy: false })
  ledger.tokens.push(issued)
  world.trace(() => `${server.name} issues token ${issued.number} to ${clientId}, requested at ${requestedAt.toFixed(1)}, ${issued.claims}`)
  checkIssued(run, server, issued, request)
}

/** A token is presented to a process. */
export function presentToken (run: RunContext, random: Random): void {
  const guards = run.processes.filter(({ kind, host }) => kind !== 'legacy' && host.state !== 'dead')
  const token = pickToken(run, random)
  if (token !== undefined && guards.length > 0) present(run, random.pick(guards), token)
}

export function present (run: RunContext, process: SimulatedProcess, token: IssuedToken): void {
  process.host.run(async () => { await presentNow(run, process, token) })
}

async function presentNow (run: RunContext, process: SimulatedProcess, token: IssuedToken): Promise<void> {
  const presentedAt = run.world.now
  const { verdict, cause } = await process.present(token.token)
  run.world.report.outcome(`access: ${verdict}`)
  run.world.trace(() => `${process.name}: token ${token.number} is ${verdict}, presented at ${presentedAt.toFixed(1)} ${verdict === 'accepted' ? '' : String(cause)}`)
  checkAccess(run, process, token, { presentedAt, verdict, cause })
}

/** A token is presented to all processes, again and again for some seconds. */
export function presentEverywhere (run: RunContext, random: Random, token = pickToken(run, random)): void {
  if (token === undefined) return
  const duration = random.pick([500, 1500, 4000])
  for (const process of run.processes) {
    if (process.kind === 'legacy') continue
    const count = random.integer(1, 4)
    for (let i = 0; i < count; i++) run.world.after(random.integer(0, duration), undefined, () => { present(run, process, token) })
  }
}

/** A client presents an assertion, and somebody else presents it again. */
export function requestByAssertion (run: RunContext, random: Random): void {
  if (!run.config.hasRegistry) return
  const { world, ledger } = run
  const firstAt = world.now
  const jti = `jti-${random.integer(0, 2 ** 31)}`
  // By the clock of the client, which is right.
  const iat = Math.floor((EPOCH + world.now) / 1000)
  const lifetime = random.pick([10, 60, 300])
  const assertion = signAssertion({ iss: PARTNER, sub: PARTNER, aud: ISSUER, jti, iat, exp: iat + lifetime })
  const form = { grant_type: 'client_credentials', client_assertion_type: ASSERTION_TYPE, client_assertion: assertion }
  const count = random.integer(1, 4)
  for (let i = 0; i < count; i++) {
    const delay = random.chance(0.6) ? random.integer(0, 50) : random.logarithmic(50, (lifetime + 3 * run.config.clockTolerance) * 1000)
    world.after(i === 0 ? 0 : delay, undefined, () => {
      const servers = runningServers(run)
      if (servers.length === 0) return
      const server = random.pick(servers)
      server.host.run(async () => {
        const { token, error } = await server.requestToken(form, undefined)
        world.report.outcome(`assertion: ${token === undefined ? `${error?.code} ${error?.status}` : 'granted'}`)
        if (token === undefined) return
        const uses = (ledger.uses.get(jti) ?? 0) + 1
        ledger.uses.set(jti, uses)
        if (uses > 1 && run.second.steppedAt < firstAt) run.violation('X', `${server.name} accepts an assertion that was accepted before`)
      })
    })
  }
}

function signAssertion (claims: object): string {
  const { privateKey } = nthKeyPair('ec', PARTNER_KEY)
  const input = [{ alg: 'ES256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${crypto.sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

export function partnerJwks (): { keys: object[] } {
  return { keys: [{ ...nthKeyPair('ec', PARTNER_KEY).publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] }
}

/** A wrong secret. */
export function guessSecret (run: RunContext, random: Random): void {
  const servers = runningServers(run)
  if (servers.length === 0) return
  const server = random.pick(servers)
  server.host.run(async () => {
    const { token, error } = await server.requestToken({ grant_type: 'client_credentials' }, basic(`c${random.integer(0, run.config.clients)}`, 'a wrong secret of a human'), GUESSER)
    run.world.report.outcome(`guess: ${token === undefined ? `${error?.code} ${error?.status}` : 'granted'}`)
    if (token !== undefined) run.violation('secret', `${server.name} accepts a wrong secret`)
  })
}
