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

/** What the assertions of workloads are judged by, whoever issued them. */
export interface WorkloadIdentitiesOptions {
  /** Seconds that clocks may differ. Default 10. */
  clockTolerance?: number
  /**
   * Fetches the metadata and keys of issuers. Default Node's own. An API server of Kubernetes needs one that trusts its
   * CA and shows a token. It is NOT guarded against private addresses: the issuers are of your choice.
   */
  fetch?: Fetch
  /** Is called once per outage of an issuer, when the keys that are held stay in use. Default nothing is called. */
  onError?: (error: Error) => void
  /** Default the clock of the machine. */
  now?: Clock
}

const invalid = codedError('FST_OAUTH_INVALID_WORKLOAD_ISSUER')

/** The options of workloadIdentities. */
export const WORKLOAD_IDENTITIES: OptionsDescription<WorkloadIdentitiesOptions> = {
  of: 'workloadIdentities',
  options: { clockTolerance: seconds(0), fetch: FETCH, onError: ON_ERROR, now: CLOCK },
  error: invalid
}

// RFC 7519 §5.1 and JWT-SVID §2.2. An access token of the same issuer says at+jwt, and is no identity.
const TYPES = ['jwt', 'jose']

/**
 * Makes the method workload_identity: workloads prove who they are by a JWT that their platform issued to them, and need
 * neither secret nor key of their own. A service account token of Kubernetes, an OpenID Connect token of GitHub Actions
 * or GitLab CI, sent as a client assertion (RFC 7521 §4.2, RFC 7523 §2.2); or a JWT-SVID of SPIFFE
 * (draft-ietf-oauth-spiffe-client-auth).
 *
 * Whom a token is of, your `client` function says: it gets claims that are verified, and names a client that getClient
 * must know. Whoever can make the platform issue a token that it maps is that client: compare whole names, and those that
 * nobody else can choose, such as the repository and the branch.
 *
 * An assertion of another issuer is not of this method. Anything wrong with one of these is invalid_client. 503 if the
 * issuer is unavailable, and no keys of it are held that are recent enough (ten minutes, and ten more during an outage), or not
 * the key that the assertion names. An exception of `client` is a 500.
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
