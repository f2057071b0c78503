import { clientInformationSchema } from '../../schemas/index.ts'
import { toClientInformation } from './client-information.ts'
import { tokensOfDisabled } from './disable-client.ts'
import type { AdminSettings } from './options.ts'
import { clientParameters } from './parameters.ts'
import { found } from './refusals.ts'
import { cutOffTokens } from './release-010.ts'
import type { AdminRoute } from './route.ts'

/** Returns the routes that disable and enable clients. */
export function stateRoutes (settings: AdminSettings): AdminRoute[] {
  const { clients } = settings
  const client = { params: clientParameters, refusals: [404] } as const
  return [
    {
      ...client,
      method: 'POST',
      url: '/clients/:client_id/disable',
      id: 'disableOAuthClient',
      summary: 'Disable a client',
      description: `It gets no more access tokens, until it is enabled. ${tokensOfDisabled(settings)} You may disable yourself.`,
      success: { status: 200, body: clientInformationSchema },
      async answer ({ params, by }) {
        const disabled = found(await clients.disable(params.client_id!, { by }), 'client')
        await cutOffTokens(settings, params.client_id!)
        return { body: toClientInformation(disabled) }
      }
    },
    {
      ...client,
      method: 'POST',
      url: '/clients/:client_id/enable',
      id: 'enableOAuthClient',
      summary: 'Enable a client',
      description: 'It gets access tokens again. Those that were revoked stay invalid.',
      success: { status: 200, body: clientInformationSchema },
      answer: async ({ params, by }) => ({ body: toClientInformation(found(await clients.enable(params.client_id!, { by }), 'client')) })
    }
  ]
}
