import { signingKeyListSchema, signingKeySchema } from '../../schemas/index.ts'
import type { KeyInformation } from '../../src/adapter.ts'
import type { SigningKeys } from '../../src/index.ts'
import { keyParameters } from './parameters.ts'
import { notFound } from './refusals.ts'
import type { AdminRoute } from './route.ts'

/** Returns the routes of the signing keys of access tokens. */
export function keyRoutes (keys: SigningKeys): AdminRoute[] {
  return [
    {
      method: 'GET',
      url: '/keys',
      id: 'listOAuthSigningKeys',
      summary: 'List signing keys',
      description: 'In the order in which they sign. No private key is shown.',
      success: { status: 200, body: signingKeyListSchema },
      answer: async () => ({ body: { keys: (await keys.list()).map(toKeyInformation) } })
    },
    {
      method: 'POST',
      url: '/keys/rotate',
      id: 'rotateOAuthSigningKey',
      summary: 'Announce another signing key',
      description: 'It signs when others had time to read it. The one that is announced already, if one is.',
      success: { status: 200, body: signingKeySchema },
      answer: async ({ by }) => ({ body: toKeyInformation(await keys.rotate({ by })) })
    },
    {
      method: 'DELETE',
      url: '/keys/:kid',
      id: 'revokeOAuthSigningKey',
      summary: 'Revoke a signing key',
      description: 'For a key that somebody else may have. Its tokens are revoked, and that of this request may be one of them: every process on the store rejects them within a second, servers that introspect tokens within their cache time and a second, and servers that only have the JWKS within its max age.',
      params: keyParameters,
      success: { status: 204 },
      refusals: [404],
      async answer ({ params, by }) {
        if (!await keys.revoke(params.kid!, { by })) throw notFound('key')
        return {}
      }
    }
  ]
}

function toKeyInformation ({ kid, alg, state, createdAt, activeFrom, isSealed }: KeyInformation): object {
  return { kid, alg, state, created_at: createdAt, active_from: activeFrom, sealed: isSealed }
}
