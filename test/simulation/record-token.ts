import crypto from 'node:crypto'
import type { IssuedToken } from './ledger.ts'
import type { RunContext } from './run-context.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** Writes down a token that was issued at this moment. */
export function recordToken (
  { world, ledger, config, main }: RunContext, server: SimulatedProcess, token: string, { clientId, requestedAt, isLegacy }: Pick<IssuedToken, 'clientId' | 'requestedAt' | 'isLegacy'>
): IssuedToken {
  const readsOfClient = server.observations.clientReads.filter(({ id, begunAt }) => id === clientId && begunAt >= requestedAt).map(({ servedAt }) => servedAt)
  const common = { number: ledger.tokens.length, token, clientId, requestedAt, issuedAt: world.now, issuer: server.name, isLegacy, isDoubtful: server.isSkewed, readsOfClient, knownGeneration: server.observations.held.generation(clientId), generationThen: main.primary.truth.generation(clientId, world.now) }
  if (!token.includes('.')) {
    const id = crypto.createHash('sha256').update(token).digest('base64url')
    // The clock may have been stepped while it was saved.
    const { issuedAt: iat, expiresAt: exp } = main.replicaOf(server).truth.tokens.get(id) ?? { issuedAt: server.host.seconds(), expiresAt: server.host.seconds() + config.tokenLifetime }
    return { ...common, claims: '', id, kid: undefined, iat, exp }
  }
  const [header, payload] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString('utf8')) as [string, string]
  const { jti, iat, exp } = JSON.parse(payload) as { jti: string, iat: number, exp: number }
  return { ...common, claims: payload, id: jti, kid: (JSON.parse(header) as { kid: string }).kid, iat, exp }
}
