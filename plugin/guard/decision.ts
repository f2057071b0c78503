import { brandOf, isThenable, queryStarts } from '../../src/adapter.ts'
import { StrategyInternalError } from '../../src/index.ts'
import type { CredentialsOf, RegisteredFlow } from '../../src/adapter.ts'
import type { AuthCredentials, ClientCredentialsFlow } from '../../src/index.ts'
import { FST_OAUTH_ROUTE_NOT_GUARDED } from '../errors.ts'

// Shared by every copy of the package, for every decorator name.
const CREDENTIALS = brandOf('credentials')

const keysOfFlows = new WeakMap<object, Set<symbol>>()

/** Records in which member of a request the guards of a flow store their decision. One flow may be registered several times. */
function noteGuards (flow: object, key: symbol): void {
  keysOfFlows.set(flow, (keysOfFlows.get(flow) ?? new Set()).add(key))
}

/** Returns the credentials that a guard of this flow has verified for a request. Undefined without one. */
function verifiedBy (flow: object, request: object): AuthCredentials | undefined {
  const verified = request as Readonly<Record<symbol, AuthCredentials | null | undefined>>
  for (const key of keysOfFlows.get(flow) ?? []) if (verified[key]) return verified[key]
  return undefined
}

/** The members of a request that store decisions. */
export interface DecidedRequest {
  [member: symbol]: unknown
}

/**
 * Stores the positive decisions of the guards of one plugin registration. A request reaches the handler of a guarded route only
 * with a stored decision, so any failure rejects it.
 */
export class Decisions {
  // `request.credentials` is for the application: values that its hooks, or guards of another flow, write there grant no access.
  readonly #key = Symbol('fastify-client-credentials.decision')
  readonly #decoratorName: string

  constructor (flow: ClientCredentialsFlow, decoratorName: string) {
    this.#decoratorName = decoratorName
    noteGuards(flow, this.#key)
  }

  /** The members with which requests are decorated. */
  get decorators (): readonly (string | symbol)[] {
    return [this.#decoratorName, CREDENTIALS, this.#key]
  }

  /**
   * Stores the decision that a request has valid credentials.
   *
   * @throws StrategyInternalError for a value that is not credentials, such as a promise of them
   */
  store (request: object, credentials: AuthCredentials): AuthCredentials {
    if (isThenable(credentials) || !Array.isArray(credentials?.scope)) {
      throw new StrategyInternalError(undefined, { cause: new TypeError('The verification of an access token has returned no credentials') })
    }
    const decided = request as Record<string | symbol, unknown>
    decided[this.#key] = credentials
    decided[CREDENTIALS] = credentials
    decided[this.#decoratorName] = credentials
    return credentials
  }

  /** Returns the credentials of the positive decision on a request. Undefined without one. */
  of (request: object): AuthCredentials | undefined {
    return ((request as DecidedRequest)[this.#key] ?? undefined) as AuthCredentials | undefined
  }
}

/**
 * Returns the credentials of a request on a guarded route, never null, with any decorator name. Their type is that of the flow,
 * or of the flow that {@link Register} declares.
 *
 * @param flow accepts only its own guards, for an application with several flows. Default any guard
 * @throws FST_OAUTH_ROUTE_NOT_GUARDED if no guard has run
 */
export function credentialsOf<Flow extends ClientCredentialsFlow = RegisteredFlow> (
  request: { readonly method: string, readonly url: string },
  flow?: Flow
): CredentialsOf<Flow> {
  const credentials = flow === undefined ? (request as DecidedRequest)[CREDENTIALS] : verifiedBy(flow, request)
  if (credentials !== null && credentials !== undefined) return credentials as CredentialsOf<Flow>
  throw new FST_OAUTH_ROUTE_NOT_GUARDED(request.method, request.url.slice(0, queryStarts(request.url).at(-1)))
}
