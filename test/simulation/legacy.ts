// A model of a process of release 0.1.0, as far as others notice it: it issues tokens without a generation, by a client that
// it has read up to a second ago, and changes clients without writing entries.
import crypto from 'node:crypto'
import type { StoredClient, StoredKey } from '../../src/stores/contracts/index.ts'
import { recordToken } from './record-token.ts'
import { API, ISSUER } from './run-context.ts'
import type { RunContext } from './run-context.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { WholeStore } from './store-methods.ts'

const caches = new WeakMap<SimulatedProcess, { store: WholeStore, clients: Map<string, { client: StoredClient | undefined, readAt: number }> }>()

/** Issues a token, as 0.1.0 does for a client whose secret is right. */
export async function issueLegacyToken (run: RunContext, process: SimulatedProcess, clientId: string): Promise<void> {
  const requestedAt = run.world.now
  try {
    const client = await findClient(process, clientId)
    const { keys } = await cacheOf(process).store.readKeys()
    const now = process.host.seconds()
    const key = keys.filter(({ activeFrom, alg }) => activeFrom <= now && alg === 'ES256').toSorted((a, b) => b.activeFrom - a.activeFrom)[0]
    if (client === undefined || client.isDisabled === true || key === undefined || client.secrets.length === 0) return
    const claims = { iss: ISSUER, aud: API, sub: clientId, client_id: clientId, jti: crypto.randomUUID(), iat: now, exp: now + run.config.tokenLifetime }
    run.ledger.tokens.push(recordToken(run, process, sign(key, claims), { clientId, requestedAt, isLegacy: true }))
    run.world.report.count('token of 0.1.0')
  } catch {
    // The store is unavailable.
  }
}

/** Changes the name of a client, as 0.1.0 does. */
export async function updateByLegacy (process: SimulatedProcess, clientId: string): Promise<void> {
  const { store } = cacheOf(process)
  try {
    const [client] = await store.findClients([clientId])
    if (client !== undefined) await store.replaceClient({ ...client, name: `changed at ${process.host.seconds()}` })
  } catch {
    // The store is unavailable.
  }
}

async function findClient (process: SimulatedProcess, id: string): Promise<StoredClient | undefined> {
  const { store, clients } = cacheOf(process)
  const cached = clients.get(id)
  if (cached !== undefined && process.host.monotonic() - cached.readAt < 1000) return cached.client
  const readAt = process.host.monotonic()
  const [client] = await store.findClients([id])
  clients.set(id, { client, readAt })
  return client
}

function cacheOf (process: SimulatedProcess): { store: WholeStore, clients: Map<string, { client: StoredClient | undefined, readAt: number }> } {
  let cache = caches.get(process)
  if (cache === undefined) caches.set(process, cache = { store: process.lines.main.store(), clients: new Map() })
  return cache
}

function sign ({ kid, alg, privateJwk }: StoredKey, claims: object): string {
  const key = crypto.createPrivateKey({ key: privateJwk as crypto.JsonWebKey, format: 'jwk' })
  const input = [{ alg, typ: 'at+jwt', kid }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${crypto.sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}
