import type { OAuth2Error } from '../errors/oauth-error.ts'
import { secondsSince, monotonic } from '../lib/clock.ts'
import { holdsSecret, toLogText } from '../lib/log-text.ts'
import { CHANNELS, publish } from './channels.ts'
import type { ClientEndpoint, RequestEvent, TokenIssued } from './event-types.ts'

const { tokenIssued, tokenDenied, tokenRevoked } = CHANNELS

interface Decided { readonly realm: string }
interface Sender { readonly id?: string | undefined, readonly address?: string | undefined }

/**
 * Collects the data of a request in which a client authenticates, and publishes its event. Created only if there are
 * subscribers.
 */
export class ClientDecision {
  readonly #flow: string
  readonly #request: Sender
  readonly #endpoint: ClientEndpoint
  readonly #startedAt: number | undefined
  #method: string | undefined
  #presentedClientId: string | undefined
  #clientId: string | undefined

  /** @param startedAt by the monotonic clock; undefined for a rejection without processing */
  constructor ({ realm }: Decided, request: Sender, endpoint: ClientEndpoint, startedAt?: number) {
    this.#flow = realm
    this.#request = request
    this.#endpoint = endpoint
    this.#startedAt = startedAt
  }

  /** Sets the presented, unverified client_id and the authentication method. */
  presented (clientId: string, method: string): void {
    this.#method = method
    this.#presentedClientId = clientId
  }

  /** Sets the client after it has authenticated. */
  authenticated (clientId: string): void {
    this.#clientId = clientId
  }

  issued (token: Pick<TokenIssued, 'scope' | 'tokenType' | 'expiresIn' | 'audience'>): void {
    if (tokenIssued.hasSubscribers) publish(tokenIssued, Object.assign(this.#common(), this.#client(), token))
  }

  revoked (tokenId: string | undefined): void {
    if (tokenRevoked.hasSubscribers) publish(tokenRevoked, Object.assign(this.#common(), this.#client(), { tokenId }))
  }

  denied ({ code, status }: OAuth2Error): void {
    if (!tokenDenied.hasSubscribers) return
    publish(tokenDenied, Object.assign(this.#common(), {
      endpoint: this.#endpoint,
      error: code,
      status,
      clientId: this.#clientId,
      presentedClientId: this.#clientId === undefined ? toSafeId(this.#presentedClientId) : undefined,
      method: this.#method
    }))
  }

  // Uses Object.assign, since object spread costs microseconds in Node.js 20.
  #common (): RequestEvent {
    const { id, address } = this.#request
    return { flow: this.#flow, requestId: toSafeMember(id), address: toSafeMember(address), duration: secondsSince(this.#startedAt) }
  }

  // Tokens are issued to and revoked by authenticated clients only, so both members are set.
  #client (): { clientId: string, method: string } {
    return { clientId: this.#clientId as string, method: this.#method as string }
  }
}

/** Starts a decision. Returns undefined if there are no subscribers. */
export function beginDecision (settings: Decided, request: Sender, endpoint: ClientEndpoint): ClientDecision | undefined {
  if (!tokenIssued.hasSubscribers && !tokenDenied.hasSubscribers && !tokenRevoked.hasSubscribers) return undefined
  return new ClientDecision(settings, request, endpoint, monotonic())
}

/** Returns whether the channel of denied requests has subscribers. */
export function isDenialObserved (): boolean {
  return tokenDenied.hasSubscribers
}

/** Publishes the denial of a request that is rejected before client authentication, such as by the plugin. */
export function publishDenial (settings: Decided, request: Sender, endpoint: ClientEndpoint, error: OAuth2Error): void {
  if (tokenDenied.hasSubscribers) new ClientDecision(settings, request, endpoint).denied(error)
}

/** Sanitizes the id or the address of a request: with Fastify's requestIdHeader or trustProxy, callers may choose them. */
export function toSafeMember (text: string | undefined): string | undefined {
  return text === undefined ? undefined : toLogText(String(text))
}

// Omits a client_id that contains a secret: a client may have swapped the two by mistake.
function toSafeId (clientId: string | undefined): string | undefined {
  return clientId === undefined || holdsSecret(clientId) ? undefined : toLogText(clientId)
}
