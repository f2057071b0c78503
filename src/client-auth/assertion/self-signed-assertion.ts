import type { JWTVerifyOptions } from 'jose'
import { ISSUER } from '../../http/issuer.ts'
import type { TokenRequest } from '../../http/plain-request.ts'
import { systemClock } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { isCredential } from '../../lib/is-printable.ts'
import { CLOCK, codedError, flag, names, required, seconds } from '../../options/check-options.ts'
import type { ErrorFactory, OptionRules } from '../../options/check-options.ts'
import type { ClientNeeds, ReplayStore } from '../../stores/contracts/index.ts'
import { REPLAY_STORE } from '../../stores/contracts/option-rules.ts'
import type { ClientAuthMethod, PresentedClient } from '../client-auth-method.ts'
import { ASSERTION_MECHANISM, checkClientId, JWT_BEARER, readAssertion, refuse } from './read-assertion.ts'
import type { Assertion } from './read-assertion.ts'
import { provenBy } from './recheck.ts'
import type { IsCurrent } from './recheck.ts'
import { checkJti, checkTimes, checkType, consumeOnce, reservationOf } from './validate-claims.ts'

// Seconds.
const MAX_TOLERANCE = 60

/** Validation options for self-signed client assertions (RFC 7523 §3). */
export interface ClientAssertionOptions {
  /** The required `aud` of assertions: the issuer identifier of this server, an https URL without query and fragment; http on loopback only. */
  issuer: string
  /** The store in which assertions are reserved until they expire, since each is accepted once. */
  replays: ReplayStore
  /**
   * Further accepted values of `aud`, such as the URL of the token endpoint, for clients that do not send the issuer. An assertion
   * with such a value may have been made for another server, which can send it on (RFC 7523bis): add no value that another
   * server may use. Default none.
   */
  tokenEndpointAudience?: string | readonly string[]
  /**
   * Maximum time until the `exp` of an assertion, in seconds. Default 300: clients of FAPI and OpenID Connect mostly use 60, some
   * libraries five minutes. A longer lifetime helps an attacker who steals an assertion, and needs more store space. Authlib signs
   * assertions for an hour by default: set 3600 for such clients, or `expires_in` in the client.
   */
  maxLifetime?: number
  /** Tolerated clock difference in seconds, at most 60. Default 10, as in FAPI 2.0 (§5.3.2.1). */
  clockTolerance?: number
  /** Accepts an issuer without TLS on any host. Default false. */
  dangerouslyAllowHttpIssuer?: boolean
  /** The clock. Default the system clock. */
  now?: Clock
}

/** The rules for the options that private_key_jwt and client_secret_jwt share. */
export const CLIENT_ASSERTION_RULES: OptionRules<ClientAssertionOptions> = {
  issuer: required(ISSUER),
  replays: required(REPLAY_STORE),
  tokenEndpointAudience: names(),
  maxLifetime: seconds(1),
  clockTolerance: seconds(0, MAX_TOLERANCE),
  dangerouslyAllowHttpIssuer: flag(),
  now: CLOCK
}

/** The error for invalid options of these methods. */
export const invalidAssertionOption: ErrorFactory = codedError('FST_OAUTH_INVALID_CLIENT_ASSERTION')

/** The parts of a method that recognise and verify its assertions. */
export interface AssertionProof {
  readonly name: string
  readonly needs: ClientNeeds
  /** The accepted signing algorithms. */
  readonly algorithms: readonly string[]
  /** Returns whether an algorithm belongs to this method, accepted or not. */
  readonly isOwn: (alg: string) => boolean
  /**
   * Verifies the signature.
   *
   * @returns a function that returns whether the verifying key is still valid
   * @throws InvalidClientError for an invalid signature, and for an unknown client alike
   */
  readonly verify: (assertion: Assertion, clientId: string, options: JWTVerifyOptions) => Promise<IsCurrent>
}

// RFC 8725 §3.11, and the type that RFC 7523bis defines for client assertions.
const TYPES = ['jwt', 'client-authentication+jwt']

/**
 * Creates the method for self-signed assertions (RFC 7523 §2.2, §3): `iss` and `sub` are the client_id, `aud` is this server alone
 * (an array of this one value is accepted too, except under FAPI 2.0), `exp` is near, and the `jti` is unused. An assertion whose
 * issuer differs from its subject does not belong to this method. authenticateClient checks that `alg` is the registered algorithm
 * of the client.
 *
 * @param options validated by the description of the method
 */
export function clientAssertionMethod (options: ClientAssertionOptions, proof: AssertionProof): ClientAuthMethod {
  const { issuer, replays, tokenEndpointAudience = [], maxLifetime = 300, clockTolerance = 10, now = systemClock } = options
  const audiences: readonly string[] = Object.freeze([issuer, tokenEndpointAudience].flat())

  async function prove (request: TokenRequest, assertion: Assertion, isAudienceString: boolean): Promise<PresentedClient> {
    const { alg, claims } = assertion
    // The cheap checks come first, and reveal nothing about the client.
    if (!proof.algorithms.includes(alg)) throw refuse(`its alg is not among ${proof.algorithms.join(', ')}`)
    checkType(assertion, TYPES)
    const clientId = claims.sub
    if (!isCredential(clientId)) throw refuse('iss and sub are no client_id')
    checkClientId(request, clientId)
    checkAudience(claims.aud, isAudienceString)
    const until = checkTimes(claims, { now, clockTolerance, maxLifetime })
    const jti = checkJti(claims)

    const verifyOptions = { algorithms: [...proof.algorithms], currentDate: new Date(now() * 1000), clockTolerance }
    const recheck = await provenBy(() => proof.verify(assertion, clientId, verifyOptions))
    // After the signature is verified, so that an unauthenticated caller cannot consume it.
    await consumeOnce({ replays, now }, clientId, jti, reservationOf(claims, until, { now, clockTolerance, maxLifetime }))
    await recheck()
    return { kind: 'verified', clientId, signingAlgorithm: alg, recheck }
  }

  // RFC 7523bis §4: the issuer identifier is the only value, as a string or in an array. With a second value, the other server
  // could send the assertion on. FAPI 2.0 §5.3.2.1 (8) allows the string only.
  function checkAudience (aud: unknown, isAudienceString: boolean): void {
    const value: unknown = Array.isArray(aud) && aud.length === 1 && !isAudienceString ? aud[0] : aud
    if (!audiences.includes(value as string)) throw refuse('aud is not the issuer identifier of this server alone')
  }

  return Object.freeze({
    ...ASSERTION_MECHANISM,
    name: proof.name,
    needs: proof.needs,
    signingAlgorithms: Object.freeze([...proof.algorithms]),
    audiences,
    replayStores: Object.freeze([replays]),
    authenticate (request: TokenRequest, { isAudienceString = false } = {}) {
      const assertion = readAssertion(request, [JWT_BEARER])
      if (assertion === undefined || !proof.isOwn(assertion.alg) || assertion.claims.iss !== assertion.claims.sub) return undefined
      return prove(request, assertion, isAudienceString)
    }
  })
}
