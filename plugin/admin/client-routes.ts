import { clientInformationSchema, clientListSchema, clientRegistrationSchema, clientUpdateSchema } from '../../schemas/index.ts'
import { fromClientMetadata, toReplacement } from '../../src/adapter.ts'
import type { NewClient } from '../../src/index.ts'
import { toClientInformation } from './client-information.ts'
import { tokensOfDisabled } from './disable-client.ts'
import { checkVocabulary, exampleOf } from './flow-vocabulary.ts'
import type { AdminSettings } from './options.ts'
import { clientParameters, pageParameters } from './parameters.ts'
import { clientIdTaken, found, invalidClientMetadata, notFound } from './refusals.ts'
import { cutOffTokens, isUpgrading } from './release-010.ts'
import type { AdminRoute } from './route.ts'

/** Returns the routes of client registrations: the operations of RFC 7591 and RFC 7592, for an administrator. */
export function clientRoutes (settings: AdminSettings): AdminRoute[] {
  const { clients, flow, maxIdLength } = settings
  const example = exampleOf(flow)
  return [
    {
      method: 'GET',
      url: '/clients',
      id: 'listOAuthClients',
      summary: 'List clients',
      description: 'In the order of their ids, page by page.',
      query: pageParameters,
      success: { status: 200, body: clientListSchema },
      async answer ({ query: { after, limit } }) {
        // Unknown query parameters are ignored.
        const { clients: page, next } = await clients.list({ ...(after !== undefined && { after }), ...(limit !== undefined && { limit }) })
        return { body: { clients: page.map((client) => toClientInformation(client)), next } }
      }
    },
    {
      method: 'POST',
      url: '/clients',
      id: 'registerOAuthClient',
      summary: 'Register a client',
      description: 'The answer has its secret, this once (RFC 7591 section 3.2.1). A client may have any scope, that of this API too.',
      body: { ...clientRegistrationSchema, examples: [example] },
      success: { status: 201, body: clientInformationSchema },
      refusals: [409],
      async answer ({ body, by }) {
        const client = toNewClient(body)
        // A longer id could be registered, but its routes could not be addressed.
        if (client.id !== undefined && client.id.length > maxIdLength) throw invalidClientMetadata(`client_id must have ${maxIdLength} characters at most, for which paths have room here`)
        checkVocabulary(settings, client)
        const [added] = await clients.addAll([client], { by })
        const { id, isAdded, secret } = found(added, 'client')
        if (!isAdded) throw clientIdTaken()
        return { body: toClientInformation(found(await clients.find(id), 'client'), secret), location: `/clients/${encodeURIComponent(id)}` }
      }
    },
    {
      method: 'GET',
      url: '/clients/:client_id',
      id: 'readOAuthClient',
      summary: 'Read a client',
      description: 'What is registered of it, without its secrets.',
      params: clientParameters,
      success: { status: 200, body: clientInformationSchema },
      refusals: [404],
      answer: async ({ params }) => ({ body: toClientInformation(found(await clients.find(params.client_id!), 'client')) })
    },
    {
      method: 'PUT',
      url: '/clients/:client_id',
      id: 'replaceOAuthClient',
      summary: 'Replace what is registered of a client',
      description: 'What is left out is removed (RFC 7592 section 2.2). Its secrets stay, and so do the tokens that it has.',
      params: clientParameters,
      body: { ...clientUpdateSchema, examples: [{ client_id: 'my-service', ...example }] },
      success: { status: 200, body: clientInformationSchema },
      refusals: [404],
      async answer ({ params, body, by }) {
        if (body.client_id !== params.client_id) throw invalidClientMetadata('The client_id is not the one in the path')
        const registration = toReplacement(body)
        checkVocabulary(settings, registration)
        return { body: toClientInformation(found(await clients.update(params.client_id!, registration, { by }), 'client')) }
      }
    },
    {
      method: 'DELETE',
      url: '/clients/:client_id',
      id: 'removeOAuthClient',
      summary: 'Remove a client',
      description: `It is removed permanently, with its secrets. ${tokensOfDisabled(settings)}`,
      params: clientParameters,
      success: { status: 204 },
      refusals: [404],
      async answer ({ params, by }) {
        if (isUpgrading(settings)) {
          // If the request fails before the cut-off, the client still exists when the request is sent again.
          found(await clients.disable(params.client_id!, { by }), 'client')
          await cutOffTokens(settings, params.client_id!)
        }
        if (!await clients.remove(params.client_id!, { by })) throw notFound('client')
        return {}
      }
    }
  ]
}

function toNewClient (body: Readonly<Record<string, any>>): NewClient {
  const { client_id: id, client_secret: secret, client_secret_lifetime: lifetime } = body
  return { ...fromClientMetadata(body), id, secret, lifetime }
}
