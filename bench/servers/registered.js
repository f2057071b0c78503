// A token endpoint over a database of clients: ES256 tokens by JwtAccessTokens, clients by ClientRegistry.
import Fastify from 'fastify'
import { LIFETIME, SCOPE } from '../fixture.js'
import { openRedis, openStore } from '../stores.js'

const { ClientCredentialsFlowBuilder, ClientRegistry, default: clientCredentialsPlugin, JwtAccessTokens, SigningKeys } =
  await import(new URL('../../dist/plugin/index.js', import.meta.url))

export const servers = {
  async registered ({ issuer, audience, database, redis }) {
    const store = await openStore(database)
    const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' })
      .setScopes({ [SCOPE]: 'Read data', 'data:write': 'Write data' })
      .setAccessTokenLifetime(LIFETIME)
      .useClients(new ClientRegistry(store))
      .useAccessTokens(new JwtAccessTokens({ issuer, audience, keys: new SigningKeys(store), revocations: redis === undefined ? store : openRedis(redis) }))
      .build()
    const app = Fastify({ logger: false })
    await app.register(clientCredentialsPlugin, { flow })
    return app
  }
}
