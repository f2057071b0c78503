import { randomBytes } from 'node:crypto'
import { jwtVerify } from 'jose'
import type { JWTVerifyOptions } from 'jose'
import { callable, checkOptions, required } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import { algorithmsOf } from '../options/common-rules.ts'
import { refuse } from './assertion/read-assertion.ts'
import { CLIENT_ASSERTION_RULES, clientAssertionMethod, invalidAssertionOption } from './assertion/self-signed-assertion.ts'
import type { ClientAssertionOptions } from './assertion/self-signed-assertion.ts'
import type { ClientAuthMethod } from './client-auth-method.ts'

/** Validation options for client assertions with an HMAC of the client secret. */
export interface ClientSecretJwtOptions extends ClientAssertionOptions {
  /**
   * Finds the secrets of a client. Any of several is accepted, so that secrets can be rotated without an interruption. Undefined for
   * an unknown client. Plain secrets are required: a registry that stores hashes cannot return them. A secret that is shorter than
   * the hash of the algorithm (32 bytes for HS256) is not a valid key (RFC 7518 §3.2), and is skipped.
   */
  secrets: (clientId: string) => string | readonly string[] | undefined | Promise<string | readonly string[] | undefined>
  /** The accepted algorithms. Default HS256, HS384 and HS512. */
  algorithms?: readonly string[]
}

/** Bytes. */
const HASH_SIZES: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 }

/** The options of clientSecretJwt. */
export const CLIENT_SECRET_JWT: OptionsDescription<ClientSecretJwtOptions> = {
  of: 'clientSecretJwt',
  options: {
    ...CLIENT_ASSERTION_RULES,
    secrets: required(callable('that returns the secrets of a client')),
    algorithms: algorithmsOf(Object.keys(HASH_SIZES))
  },
  error: invalidAssertionOption
}

// The key for verifying when there is no secret, so that the timing reveals nothing.
const DECOY = randomBytes(64)

/**
 * Creates the method client_secret_jwt: clients authenticate by an assertion with an HMAC of a secret, which is never sent (RFC 7523
 * §2.2, OpenID Connect Core §9). A valid assertion is consumed, whatever the result of the request. FAPI 2.0 does not allow this
 * method: prefer private_key_jwt, where the server holds no key that could sign an assertion.
 *
 * Every problem with an assertion is invalid_client. An unavailable store is a 503, and an exception of a callback a 500.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_ISSUER, FST_OAUTH_INVALID_CLIENT_ASSERTION, FST_OAUTH_UNKNOWN_OPTION
 */
export function clientSecretJwt (options: ClientSecretJwtOptions): ClientAuthMethod {
  checkOptions(options, CLIENT_SECRET_JWT)
  const { secrets, algorithms = Object.keys(HASH_SIZES) } = options

  async function find (clientId: string, alg: string): Promise<Uint8Array[]> {
    const found = await secrets(clientId) ?? []
    return [found].flat().map((secret) => Buffer.from(secret)).filter(({ length }) => length >= HASH_SIZES[alg]!)
  }

  return clientAssertionMethod(options, {
    name: 'client_secret_jwt',
    // Needs the secret itself, of which the registry has only a hash.
    needs: 'nothing',
    algorithms,
    isOwn: (alg) => alg.startsWith('HS'),
    async verify ({ jwt, alg }, clientId, verifyOptions) {
      const found = await find(clientId, alg)
      for (const secret of found) if (await isMadeWith(jwt, secret, verifyOptions)) return () => true
      if (found.length === 0) await isMadeWith(jwt, DECOY, verifyOptions)
      throw refuse('no secret of the client has made it that is as long as its alg needs')
    }
  })
}

async function isMadeWith (jwt: string, secret: Uint8Array, options: JWTVerifyOptions): Promise<boolean> {
  try {
    await jwtVerify(jwt, secret, options)
    return true
  } catch {
    return false
  }
}
