import { clientInformationSchema } from '../../schemas/index.ts'
import { toClientInformation } from './client-information.ts'
import type { AdminSettings } from './options.ts'
import { clientParameters } from './parameters.ts'
import { found } from './refusals.ts'
import type { AdminRoute } from './route.ts'
import { disableClient, tokensOfDisabled } from './tokens-of-clients.ts'

/** Whether clients may get access tokens, and keep those that they have. */
export function stateRoutes (settings: AdminSettings): AdminRoute[] {
  const { clients, revokeTokens } = settings
  const client = { params: clientParameters, refusals: [404] } as const
  const routes: AdminRoute[] = [
    {
      ...client,
      method: 'POST',
      url: '/clients/:client_id/disable',
      summary: 'Disable a client',
      description: `It gets no more access tokens, until it is enabled. ${tokensOfDisabled(settings)} You may disable yourself.`,
      success: { status: 200, body: clientInformationSchema },
      answer: async ({ params }) => ({ body: toClientInformation(await disableClient(settings, params.client_id!)) })
    },
    {
      ...client,
      method: 'POST',
      url: '/clients/:client_id/enable',
      summary: 'Enable a client',
      description: 'It gets access tokens again.',
      success: { status: 200, body: clientInformationSchema },
      answer: async ({ params }) => ({ body: toClientInformation(found(await clients.enable(params.client_id!), 'client')) })
    }
  ]
  if (revokeTokens === undefined) return routes
  return [...routes, {
    ...client,
    method: 'DELETE',
    url: '/clients/:client_id/tokens',
    summary: 'Revoke all access tokens of a client',
    description: 'All that were issued until now. It may get others.',
    success: { status: 204 },
    async answer ({ params }) {
      found(await clients.find(params.client_id!), 'client')
      await revokeTokens(params.client_id!)
      return {}
    }
  }]
}
