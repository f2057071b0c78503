import type { ClientAuth } from 'oauth4webapi'

/** Authenticates by an assertion that is issued elsewhere (RFC 7521 §4.2, RFC 7523 §2.2). */
export function clientAssertion (assertion: string, clientId: string | undefined): ClientAuth {
  return (_as, _client, body) => {
    // RFC 7521 §4.2: the client id is optional, since the assertion names the client.
    if (clientId !== undefined) body.set('client_id', clientId)
    body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    body.set('client_assertion', assertion)
  }
}
