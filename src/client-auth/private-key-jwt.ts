import type { JSONWebKeySet } from 'jose'
import { FETCH } from '../http-client/fetch-json.ts'
import { withOtherNames } from '../jws/public-keys.ts'
import { systemClock } from '../lib/clock.ts'
import { toLogText } from '../lib/log-text.ts'
import { callable, checkOptions } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import { algorithmsOf, ON_ERROR } from '../options/common-rules.ts'
import { CLIENT_ASSERTION_RULES, clientAssertionMethod, invalidAssertionOption } from './assertion/self-signed-assertion.ts'
import type { ClientAssertionOptions } from './assertion/self-signed-assertion.ts'
import { PUBLIC_ALGORITHMS, verifySignature } from './assertion/verify-signature.ts'
import type { ClientAuthMethod } from './client-auth-method.ts'
import { CLIENT_FINDER } from './client-finder.ts'
import { ClientKeys } from './client-keys.ts'
import type { ClientKeysOptions } from './client-keys.ts'
import type { Clients } from './clients.ts'
import type { ClientMetadata } from './oauth2-client.ts'
import { readUnknownClient } from './read-unknown-client.ts'

/** Validation options for client assertions that are signed with a private key. */
export interface PrivateKeyJwtOptions extends ClientAssertionOptions, Pick<ClientKeysOptions, 'fetch' | 'onError'> {
  /**
   * Finds the client that an assertion names. Its keys are `metadata.jwks`, or those at `metadata.jwks_uri` (RFC 7591 §2).
   */
  clients?: Pick<Clients, 'findClient'>
  /** Finds the JWKS of a client, in place of `clients`. Undefined for an unknown client. The `alg` of a key restricts it to that algorithm. */
  keys?: (clientId: string) => JSONWebKeySet | undefined | Promise<JSONWebKeySet | undefined>
  /** The accepted signing algorithms. Default PS256, ES256, EdDSA, Ed25519 (another name for EdDSA with this curve) and RS256. */
  algorithms?: readonly string[]
}

const DEFAULT_ALGORITHMS = ['PS256', 'ES256', 'EdDSA', 'Ed25519', 'RS256']

/** The options of privateKeyJwt. */
export const PRIVATE_KEY_JWT: OptionsDescription<PrivateKeyJwtOptions> = {
  of: 'privateKeyJwt',
  options: {
    ...CLIENT_ASSERTION_RULES,
    clients: CLIENT_FINDER,
    keys: callable('that returns the JWKS of a client'),
    algorithms: algorithmsOf(PUBLIC_ALGORITHMS),
    fetch: FETCH,
    onError: ON_ERROR
  },
  exclusive: [['clients', 'keys']],
  together: ({ clients, keys }) => clients === undefined && keys === undefined ? 'privateKeyJwt needs the option "clients" or "keys". Pass the ClientRegistry as clients' : undefined,
  error: invalidAssertionOption
}

/**
 * Creates the method private_key_jwt: clients authenticate by an assertion that they sign with a private key (RFC 7523 §2.2,
 * OpenID Connect Core §9). A valid assertion is consumed, whatever the result of the request.
 *
 * Every problem with an assertion is invalid_client, with the reason in the log. So is an unavailable jwks_uri, if no recent keys are
 * cached (ten minutes, and ten more during an outage), or not the key that the assertion names: a distinct status would reveal that
 * the client exists. An unavailable store is a 503, and an exception of a callback a 500.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_CLIENT_ASSERTION, FST_OAUTH_UNKNOWN_OPTION
 */
export function privateKeyJwt (options: PrivateKeyJwtOptions): ClientAuthMethod {
  checkOptions(options, PRIVATE_KEY_JWT)
  const { clients, keys, algorithms = DEFAULT_ALGORITHMS, fetch, onError, now = systemClock } = options
  const clientKeys = new ClientKeys({ fetch, onError, now })

  async function metadataOf (clientId: string): Promise<ClientMetadata | undefined> {
    if (keys !== undefined) return { jwks: await keys(clientId) }
    const client = await clients!.findClient(clientId)
    return client && (client.metadata ?? {})
  }

  return clientAssertionMethod(options, {
    name: 'private_key_jwt',
    // With `keys`, the registry has no keys of the client.
    needs: keys === undefined ? 'keys' : 'nothing',
    algorithms: withOtherNames(algorithms),
    // Includes "none", so that the log states the reason.
    isOwn: (alg) => !alg.startsWith('HS'),
    async verify ({ jwt }, clientId, verifyOptions) {
      const metadata = await metadataOf(clientId)
      try {
        const found = metadata && await clientKeys.find(metadata)
        return await verifySignature(jwt, found ?? `no client ${toLogText(clientId)} is known that has keys`, verifyOptions)
      } catch (error) {
        if (clients !== undefined && metadata !== undefined) await readUnknownClient(clients)
        throw error
      }
    }
  })
}
