import { FETCH } from '../http-client/fetch-json.ts'
import type { Fetch } from '../http-client/fetch-json.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import { systemClock } from '../lib/clock.ts'
import type { Clock } from '../lib/clock.ts'
import { isCredential } from '../lib/is-printable.ts'
import { checkArgument, checkOptions, CLOCK, codedError, nestedList, required, seconds, withError } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'
import { ON_ERROR } from '../options/common-rules.ts'
import { ASSERTION_MECHANISM, checkClientId, JWT_BEARER, readAssertion, refuse } from './assertion/read-assertion.ts'
import type { Assertion } from './assertion/read-assertion.ts'
import { provenBy } from './assertion/recheck.ts'
import { JWT_SPIFFE, TrustedIssuers, WORKLOAD_ISSUER } from './assertion/trusted-issuers.ts'
import type { TrustedIssuer, WorkloadIssuer } from './assertion/trusted-issuers.ts'
import { checkJti, checkTimes, checkType, consumeOnce, reservationOf } from './assertion/validate-claims.ts'
import { verifySignature } from './assertion/verify-signature.ts'
import type { ClientAuthMethod, PresentedClient } from './client-auth-method.ts'
import { found } from './client-keys.ts'

/** Validation options for the assertions of all workload issuers. */
export interface WorkloadIdentitiesOptions {
  /** Tolerated clock difference in seconds. Default 10. */
  clockTolerance?: number
  /**
   * Fetches the metadata and keys of issuers. Default the fetch of Node.js. A Kubernetes API server needs one that trusts its CA and
   * sends a token. NOT guarded against private addresses, because the application chooses the issuers.
   */
  fetch?: Fetch
  /** Called once per outage of an issuer, while its cached keys stay in use. Default none. */
  onError?: (error: Error) => void
  /** The clock. Default the system clock. */
  now?: Clock
}

const invalid = codedError('FST_OAUTH_INVALID_WORKLOAD_ISSUER')

/** The options of workloadIdentities. */
export const WORKLOAD_IDENTITIES: OptionsDescription<WorkloadIdentitiesOptions> = {
  of: 'workloadIdentities',
  options: { clockTolerance: seconds(0), fetch: FETCH, onError: ON_ERROR, now: CLOCK },
  error: invalid
}

// RFC 7519 §5.1 and JWT-SVID §2.2. An access token of the same issuer has the type at+jwt, and is rejected.
const TYPES = ['jwt', 'jose']

/**
 * Creates the method workload_identity: workloads authenticate by a JWT that their platform has issued to them, and need neither a
 * secret nor a key. Supports service account tokens of Kubernetes and OpenID Connect tokens of GitHub Actions or GitLab CI, sent as
 * client assertions (RFC 7521 §4.2, RFC 7523 §2.2), and JWT-SVIDs of SPIFFE (draft-ietf-oauth-spiffe-client-auth).
 *
 * The `client` function maps the verified claims of a token to a client_id, which getClient must find. Any party for which the
 * platform issues such a token authenticates as that client. So compare complete values, and only claims that no other party can
 * choose, such as the repository and the branch.
 *
 * An assertion of another issuer does not belong to this method. Any other problem is invalid_client, except for a 503 if the issuer
 * is unavailable, and no recent keys are cached (ten minutes, and ten more during an outage), or not the key that the assertion
 * names. An exception of `client` is a 500.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_WORKLOAD_ISSUER, FST_OAUTH_UNKNOWN_OPTION
 * @example
 * workloadIdentities([{
 *   issuer: 'https://token.actions.githubusercontent.com',
 *   audience: 'https://as.example.com',
 *   client: ({ repository, ref }) => repository === 'acme/shop' && ref === 'refs/heads/main' ? 'shop-deploy' : undefined
 * }])
 */
export function workloadIdentities (issuers: readonly WorkloadIssuer[], options: WorkloadIdentitiesOptions = {}): ClientAuthMethod {
  checkArgument(issuers, required(withError(nestedList(WORKLOAD_ISSUER), invalid)), 'workloadIdentities', 'issuers')
  checkOptions(options, WORKLOAD_IDENTITIES)
  const { clockTolerance = 10, fetch = globalThis.fetch, onError = () => {}, now = systemClock } = options
  const trusted = new TrustedIssuers(issuers, { fetch, onError, now })

  async function prove (request: TokenRequest, assertion: Assertion, issuer: TrustedIssuer): Promise<PresentedClient> {
    const { jwt, alg, claims } = assertion
    if (!issuer.algorithms.includes(alg)) throw refuse(`its alg is not among ${issuer.algorithms.join(', ')}`)
    checkType(assertion, TYPES)
    if (![claims.aud].flat().some((name) => issuer.audience.includes(name as string))) throw refuse('aud is not this server')
    const until = checkTimes(claims, { now, clockTolerance })
    const jti = issuer.replays && checkJti(claims)
    const verifyOptions = { algorithms: [...issuer.algorithms], currentDate: new Date(now() * 1000), clockTolerance }
    const recheck = await provenBy(async () => await verifySignature(jwt, await found(issuer.keys), verifyOptions))

    const clientId: unknown = await issuer.client(Object.freeze({ ...claims }))
    if (!isCredential(clientId)) throw refuse(`${issuer.name} issued it to a workload that is no client`)
    checkClientId(request, clientId)
    if (jti !== undefined) await consumeOnce({ replays: issuer.replays!, now }, issuer.name, jti, reservationOf(claims, until, { now, clockTolerance }))
    await recheck()
    return { kind: 'verified', clientId, recheck }
  }

  return Object.freeze({
    ...ASSERTION_MECHANISM,
    name: 'workload_identity',
    needs: 'nothing' as const,
    replayStores: Object.freeze(issuers.flatMap(({ replays }) => replays ?? [])),
    authenticate (request: TokenRequest) {
      const assertion = readAssertion(request, [JWT_BEARER, JWT_SPIFFE])
      const issuer = assertion && trusted.find(assertion)
      return issuer && prove(request, assertion, issuer)
    }
  })
}
