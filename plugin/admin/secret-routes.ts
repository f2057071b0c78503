import { clientSecretRequestSchema, clientSecretSchema } from '../../schemas/index.ts'
import { toIssuedSecret } from './client-information.ts'
import type { AdminSettings } from './options.ts'
import { clientParameters, secretParameters } from './parameters.ts'
import { found, notFound } from './refusals.ts'
import type { AdminRoute } from './route.ts'

/** Returns the routes of client secrets. */
export function secretRoutes ({ clients }: AdminSettings): AdminRoute[] {
  return [
    {
      method: 'POST',
      url: '/clients/:client_id/secrets',
      id: 'createOAuthClientSecret',
      summary: 'Make another secret for a client',
      description: 'The answer has it, this once. Those that the client has stay valid for the overlap.',
      params: clientParameters,
      body: { ...clientSecretRequestSchema, examples: [{ overlap: 86_400 }] },
      success: { status: 201, body: clientSecretSchema },
      refusals: [404],
      async answer ({ params, body, by }) {
        const issued = found(await clients.rotateSecret(params.client_id!, { ...body, by }), 'client')
        return { body: { client_id: params.client_id, secret_id: issued.id, ...toIssuedSecret(issued) } }
      }
    },
    {
      method: 'DELETE',
      url: '/clients/:client_id/secrets/:secret_id',
      id: 'revokeOAuthClientSecret',
      summary: 'Revoke a secret of a client',
      description: 'Every process on the store rejects it within a second. Access tokens that were obtained with it stay valid: revoke those of the client, too.',
      params: secretParameters,
      success: { status: 204 },
      refusals: [404],
      async answer ({ params, by }) {
        if (!await clients.revokeSecret(params.client_id!, params.secret_id!, { by })) throw notFound('secret')
        return {}
      }
    }
  ]
}
