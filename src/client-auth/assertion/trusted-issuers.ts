import { FlowConfigurationError } from '../../errors/configuration-error.ts'
import { discoverEndpoint } from '../../http-client/discovery.ts'
import type { RemoteIssuer } from '../../http-client/discovery.ts'
import type { RemoteDocument } from '../../http-client/remote-document.ts'
import { remoteJwks } from '../../http-client/remote-jwks.ts'
import type { RemoteKeys } from '../../http-client/remote-jwks.ts'
import { ISSUER } from '../../http/issuer.ts'
import { withOtherNames } from '../../jws/public-keys.ts'
import { isSecureUrl } from '../../lib/secure-url.ts'
import { callable, codedError, flag, names, required } from '../../options/check-options.ts'
import type { OptionsDescription } from '../../options/check-options.ts'
import { algorithmsOf } from '../../options/common-rules.ts'
import type { ReplayStore } from '../../stores/contracts/index.ts'
import { REPLAY_STORE } from '../../stores/contracts/option-rules.ts'
import { JWT_BEARER } from './read-assertion.ts'
import type { Assertion } from './read-assertion.ts'
import { PUBLIC_ALGORITHMS } from './verify-signature.ts'

/** The client_assertion_type of a JWT-SVID (draft-ietf-oauth-spiffe-client-auth §3.1). */
export const JWT_SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'

/** An issuer of workload tokens, and the mapping of its tokens to clients. */
export type WorkloadIssuer = (OpenIdIssuer | SpiffeTrustDomain) & {
  /** The accepted `aud` values of its tokens: one of several is sufficient. Never empty, and no value that other servers use too. */
  audience: string | readonly string[]
  /** Returns the client_id for the verified claims of a token. Undefined for an unknown workload: then the request gets invalid_client. */
  client: (claims: Readonly<Record<string, unknown>>) => string | undefined | Promise<string | undefined>
  /** The accepted signing algorithms. Default all algorithms with public keys. */
  algorithms?: readonly string[]
  /**
   * The store in which its tokens are reserved, so that each is accepted once; then each must have a `jti`. Default none, since
   * workloads use one token until it expires: Kubernetes, for example, replaces its token files after an hour or so. Set a store
   * for issuers whose tokens are made for one request, as in CI.
   */
  replays?: ReplayStore
  /** Accepts http URLs on any host for the issuer, its metadata and its keys: without TLS, its keys can be replaced in transit. Default false. */
  dangerouslyAllowHttpIssuer?: boolean
}

/** An issuer that is identified by `iss`: Kubernetes, GitHub, GitLab, any OpenID provider. */
export interface OpenIdIssuer {
  /** Its `iss`, compared exactly: an https URL without query and fragment; http on loopback only. */
  issuer: string
  /** The URL of its keys. Default that in its metadata: /.well-known/openid-configuration, or that of RFC 8414. */
  jwksUri?: string
  trustDomain?: never
}

/** A SPIFFE trust domain, whose JWT-SVIDs are sent with the client_assertion_type of the draft. */
export interface SpiffeTrustDomain {
  /** The first part of the SPIFFE IDs in `sub`, such as "example.org". */
  trustDomain: string
  /** Its bundle endpoint (SPIFFE Federation §4). Only keys with the use "jwt-svid" are accepted. */
  jwksUri: string
  issuer?: never
}

/** A {@link WorkloadIssuer}, validated and complete. */
export interface TrustedIssuer {
  /** The issuer, or the trust domain as a SPIFFE ID. */
  readonly name: string
  /** The client_assertion_type of its tokens. */
  readonly type: string
  readonly audience: readonly string[]
  readonly client: WorkloadIssuer['client']
  readonly algorithms: readonly string[]
  readonly replays: ReplayStore | undefined
  readonly keys: RemoteDocument<RemoteKeys>
}

const isJwksUri = (value: unknown, { dangerouslyAllowHttpIssuer }: Readonly<Record<string, unknown>>) =>
  typeof value === 'string' && isSecureUrl(value, dangerouslyAllowHttpIssuer === true)

type AnyIssuer = Omit<WorkloadIssuer, 'issuer' | 'trustDomain' | 'jwksUri'> & { issuer?: string, trustDomain?: string, jwksUri?: string }

/** A workload issuer in the options of workloadIdentities. */
export const WORKLOAD_ISSUER: OptionsDescription<AnyIssuer> = {
  of: 'workloadIdentities',
  options: {
    issuer: { accepts: ISSUER.accepts, demand: ISSUER.demand, fix: ISSUER.fix! },
    trustDomain: { accepts: (value) => typeof value === 'string' && TRUST_DOMAIN.test(value), demand: 'the name of a SPIFFE trust domain, such as "example.org"' },
    jwksUri: { accepts: isJwksUri, demand: 'an https URL, or an http URL on loopback' },
    audience: required(names()),
    client: required(callable('that returns the client_id of a workload')),
    algorithms: algorithmsOf(PUBLIC_ALGORITHMS),
    replays: REPLAY_STORE,
    dangerouslyAllowHttpIssuer: flag()
  },
  exclusive: [['issuer', 'trustDomain']],
  together ({ issuer, trustDomain, jwksUri }) {
    if (issuer === undefined && trustDomain === undefined) return 'Each issuer of workloadIdentities needs the option "issuer", or "trustDomain" and "jwksUri". Pass them'
    return trustDomain !== undefined && jwksUri === undefined ? 'A trust domain of workloadIdentities needs the option "jwksUri". Pass the URL of its bundle endpoint' : undefined
  },
  error: codedError('FST_OAUTH_INVALID_WORKLOAD_ISSUER')
}

// SPIFFE-ID §2.1: the characters of a trust domain.
const TRUST_DOMAIN = /^[a-z0-9._-]+$/
const SPIFFE_ID = /^(spiffe:\/\/[a-z0-9._-]+)\/./

/** The trusted issuers of workload tokens. Throws FlowConfigurationError FST_OAUTH_INVALID_WORKLOAD_ISSUER for duplicate names. */
export class TrustedIssuers {
  readonly #issuers: ReadonlyMap<string, TrustedIssuer>

  constructor (issuers: readonly WorkloadIssuer[], remote: Omit<RemoteIssuer, 'issuer'>) {
    const trusted = issuers.map((issuer) => trust(issuer, remote))
    this.#issuers = new Map(trusted.map((issuer) => [issuer.name, issuer]))
    if (this.#issuers.size < issuers.length) throw new FlowConfigurationError('FST_OAUTH_INVALID_WORKLOAD_ISSUER')
  }

  /** Finds the issuer that an assertion names. Verifies nothing. */
  find ({ type, claims: { iss, sub } }: Assertion): TrustedIssuer | undefined {
    // JWT-SVID §3: a token need not contain `iss`, because its subject identifies the trust domain.
    const name = type === JWT_SPIFFE ? typeof sub === 'string' && SPIFFE_ID.exec(sub)?.[1] : iss
    const issuer = typeof name === 'string' ? this.#issuers.get(name) : undefined
    // A token whose `iss` names a trust domain could have a subject of another domain.
    return issuer?.type === type ? issuer : undefined
  }
}

function trust (options: WorkloadIssuer, remote: Omit<RemoteIssuer, 'issuer'>): TrustedIssuer {
  const { issuer, trustDomain, client, algorithms = PUBLIC_ALGORITHMS, replays } = options
  const audience = [options.audience].flat()
  const name = issuer ?? `spiffe://${trustDomain}`
  const keys = remoteJwks({ ...remote, uri: locate(options, remote), ...(trustDomain !== undefined && { use: 'jwt-svid' }) })
  return { name, type: trustDomain === undefined ? JWT_BEARER : JWT_SPIFFE, audience, client, algorithms: withOtherNames(algorithms), replays, keys }
}

function locate ({ issuer, jwksUri, dangerouslyAllowHttpIssuer: allowHttp }: WorkloadIssuer, remote: Omit<RemoteIssuer, 'issuer'>): () => string | Promise<string> {
  if (jwksUri !== undefined) return () => jwksUri
  const discovered = discoverEndpoint({ ...remote, issuer: issuer as string, allowHttp }, 'jwks_uri', true)
  return () => discovered.get()
}
