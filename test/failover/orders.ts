// What an administrator does to clients and keys.
import type { AuditOrigin } from '../../src/adapter.ts'
import type { ClientRegistry, SigningKeys } from '../../src/index.ts'
import type { Order, Outcome } from './messages.ts'

const by: AuditOrigin = { actor: { kind: 'user', id: 'failover', host: 'localhost' } }
export const CLIENT = { scopes: ['data:read'] }

/** Carries out an order. @returns with the generation that the client, or all clients, have been raised to */
export async function carryOut (order: Order, { clients, keys }: { clients: ClientRegistry, keys: SigningKeys }): Promise<Outcome> {
  switch (order.order) {
    case 'revoke tokens': return done(await clients.revokeTokens(order.id, { by }), generationOf(clients, order.id))
    case 'disable': return done(await clients.disable(order.id, { by }) !== undefined, generationOf(clients, order.id))
    case 'enable': return done(await clients.enable(order.id, { by }) !== undefined, generationOf(clients, order.id))
    case 'remove': return done(await clients.remove(order.id, { by }), generationOf(clients, order.id))
    case 'revoke key': return done(await keys.revoke(order.id, { by }))
    case 'revoke secret': return done(await clients.revokeSecret(order.id, order.secretId, { by }))
    case 'revoke all':
      await clients.revokeAllTokens({ by })
      return done(true, clients.entries?.generationOfAll)
    case 'add': {
      const { secret } = await clients.add({ id: order.id, ...CLIENT }, { by })
      return { ...done(true, generationOf(clients, order.id)), secret: secret!.secret, secretId: secret!.id }
    }
    case 'rotate secret': {
      const issued = await clients.rotateSecret(order.id, { by })
      return issued === undefined ? done(false) : { ...done(true), secret: issued.secret, secretId: issued.id }
    }
    case 'reset': return await reset(order.id, clients)
  }
}

// Puts a client in order, whatever a failover has left of it: it is there, is enabled, and has one secret.
async function reset (id: string, clients: ClientRegistry): Promise<Outcome> {
  if (await clients.find(id) === undefined) {
    const { secret } = await clients.add({ id, ...CLIENT }, { by })
    return { ...done(true), secret: secret!.secret, secretId: secret!.id }
  }
  await clients.enable(id, { by })
  const issued = await clients.rotateSecret(id, { overlap: 0, by })
  return issued === undefined ? done(false) : { ...done(true), secret: issued.secret, secretId: issued.id }
}

function done (isDone: boolean, generation = 0): Outcome {
  return { isDone, generation }
}

function generationOf (clients: ClientRegistry, id: string): number {
  return clients.entries?.client(id)?.generation ?? 0
}
