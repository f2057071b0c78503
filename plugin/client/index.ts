import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { oauthClient } from '../../src/client/index.ts'
import type { OAuthClient, OAuthClientOptions } from '../../src/client/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The client of protected APIs, if oauthClientPlugin is registered without `decoratorName`. */
    oauth: OAuthClient
  }
}

/** Options of {@link oauthClientPlugin}. */
export interface OAuthClientPluginOptions extends OAuthClientOptions {
  /** The name of the decorator. Default "oauth". An application with several clients registers the plugin once for each. */
  decoratorName?: string
}

const plugin: FastifyPluginAsync<OAuthClientPluginOptions> = async (app, { decoratorName = 'oauth', ...options }) => {
  const client = oauthClient(options)
  app.decorate(decoratorName, client)
  app.addHook('onClose', () => client.close())
}

/**
 * Decorates a Fastify server with a client of the APIs that it calls.
 *
 * @example
 * await app.register(oauthClientPlugin, { issuer: 'https://auth.example.com', clientId: 'billing', clientSecret, allowedOrigins: ['https://api.example.com'] })
 * app.get('/', () => app.oauth.fetch('https://api.example.com/data').then((response) => response.json()))
 */
export const oauthClientPlugin = fp(plugin, { name: 'fastify-client-credentials-client', fastify: '5.x' })
export default oauthClientPlugin
