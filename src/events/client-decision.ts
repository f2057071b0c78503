import type { OAuth2Error } from '../errors/oauth-error.ts'
import { secondsSince, monotonic } from '../lib/clock.ts'
import { holdsSecret, toLogText } from '../lib/log-text.ts'
import { CHANNELS, publish } from './channels.ts'
import type { ClientEndpoint, RequestEvent, TokenIssued } from './event-types.ts'

const { tokenIssued, tokenDenied, tokenRevoked } = CHANNELS

interface Decided { readonly realm: string }
interface Sender { readonly id?: string | undefined, readonly address?: string | undefined }

/** What is learnt of a request in which a client authenticates, while it is decided. Made only where somebody listens. */
export class ClientDecision {
  readonly #flow: string
  readonly #request: Sender
  readonly #endpoint: ClientEndpoint
  readonly #startedAt: number | undefined
  #method: string | undefined
  #presentedClientId: string | undefined
  #clientId: string | undefined

  /** @param startedAt on the monotonic; undefined for a decision that takes no time */
  constructor ({ realm }: Decided, request: Sender, endpoint: ClientEndpoint, startedAt?: number) {
    this.#flow = realm
    this.#request = request
    this.#endpoint = endpoint
    this.#startedAt = startedAt
  }

  /** Somebody says who they are, by a method. */
  presented (clientId: string, method: string): void {
    this.#method = method
    this.#presentedClientId = clientId
  }

  /** And it is true. */
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

  // Not spread into a literal, which costs Node.js 20 microseconds.
  #common (): RequestEvent {
    const { id, address } = this.#request
    return { flow: this.#flow, requestId: toSafeMember(id), address: toSafeMember(address), duration: secondsSince(this.#startedAt) }
  }

  // Nobody gets a token, or ends one, who has not authenticated.
  #client (): { clientId: string, method: string } {
    return { clientId: this.#clientId as string, method: this.#method as string }
  }
}

/** A decision that begins now. Undefined where nobody listens. */
export function beginDecision (settings: Decided, request: Sender, endpoint: ClientEndpoint): ClientDecision | undefined {
  if (!tokenIssued.hasSubscribers && !tokenDenied.hasSubscribers && !tokenRevoked.hasSubscribers) return undefined
  return new ClientDecision(settings, request, endpoint, monotonic())
}

/** Tells whether anybody wants to know what is denied. */
export function isDenialObserved (): boolean {
  return tokenDenied.hasSubscribers
}

/** Publishes the denial of a request that never reaches the pipeline: for the doors in front of it. */
export function publishDenial (settings: Decided, request: Sender, endpoint: ClientEndpoint, error: OAuth2Error): void {
  if (tokenDenied.hasSubscribers) new ClientDecision(settings, request, endpoint).denied(error)
}

/** A caller may choose the id and the address of a request, where Fastify's requestIdHeader or trustProxy says so. */
export function toSafeMember (text: string | undefined): string | undefined {
  return text === undefined ? undefined : toLogText(String(text))
}

// Whoever takes the secret for the id would have it in a log.
function toSafeId (clientId: string | undefined): string | undefined {
  return clientId === undefined || holdsSecret(clientId) ? undefined : toLogText(clientId)
}
