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

/** What assertions are judged by that clients make with their secret. */
export interface ClientSecretJwtOptions extends ClientAssertionOptions {
  /**
   * Finds the secrets of a client; any of several is good, so that secrets can be changed without a gap. Undefined for
   * one that is unknown. They are needed as they are: a registry that stores hashes of secrets cannot give them. One
   * that is shorter than the hash of the algorithm (32 bytes for HS256) is no key for it (RFC 7518 §3.2), and is passed over.
   */
  secrets: (clientId: string) => string | readonly string[] | undefined | Promise<string | readonly string[] | undefined>
  /** The algorithms that assertions may be made with. Default HS256, HS384 and HS512. */
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

// Verified in place of a secret that there is not, so that the time tells nothing.
const DECOY = randomBytes(64)

/**
 * Makes the method client_secret_jwt: clients prove by an assertion that they make with a secret, which never travels
 * (RFC 7523 §2.2, OpenID Connect Core §9). A good assertion is used up, whatever becomes of the request. FAPI 2.0 does
 * not allow it: prefer private_key_jwt, where nobody but the client holds what could make an assertion.
 *
 * Whatever is wrong with an assertion is invalid_client. A store that is away is a 503, what a callback throws a 500.
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
    // The secret itself, of which the registry has a hash only.
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
