import type { AdminSettings } from './options.ts'
import { clientParameters } from './parameters.ts'
import { notFound } from './refusals.ts'
import { cutOffAllTokens, cutOffTokens } from './release-010.ts'
import type { AdminRoute } from './route.ts'

const BOUNDS = 'Every process on the store rejects them within a second, servers that introspect tokens within their cache time and a second, and servers that only have the JWKS when they expire.'

/** Returns the routes of access tokens. Empty if the tokens of this server do not follow the client store. */
export function tokenRoutes (settings: AdminSettings): AdminRoute[] {
  const { clients, canRevokeTokens } = settings
  if (!canRevokeTokens) return []
  return [
    {
      method: 'DELETE',
      url: '/clients/:client_id/tokens',
      id: 'revokeOAuthClientTokens',
      summary: 'Revoke all access tokens of a client',
      description: `All that were issued until now. It may get others. ${BOUNDS}`,
      params: clientParameters,
      success: { status: 204 },
      refusals: [404],
      async answer ({ params, by }) {
        if (!await clients.revokeTokens(params.client_id!, { by })) throw notFound('client')
        await cutOffTokens(settings, params.client_id!)
        return {}
      }
    },
    {
      method: 'DELETE',
      url: '/tokens',
      id: 'revokeAllOAuthTokens',
      summary: 'Revoke all access tokens of all clients',
      description: `All that were issued until now, that of this request too: get another one before the next request. ${BOUNDS}`,
      success: { status: 204 },
      async answer ({ by }) {
        await clients.revokeAllTokens({ by })
        await cutOffAllTokens(settings)
        return {}
      }
    }
  ]
}
