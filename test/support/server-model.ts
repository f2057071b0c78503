// Who may get what, and with which token, by the README alone: no code of the server's. Times are in milliseconds of one clock
// unless they say seconds.

/** What another process knows no later than this after it was acknowledged. */
export const STALENESS = 1000

/** A state of a client, of which each change makes another. Undefined: there is none. */
export interface ClientState {
  scopes: readonly string[]
  defaultScopes?: readonly string[] | undefined
  audiences?: readonly string[] | undefined
  isDisabled: boolean
  /** Seconds. */
  lifetime: number | undefined
  secrets: ReadonlyArray<{ id: string, secret: string, /** seconds */ expiresAt: number }>
}

interface Version { at: number, by: number, state: ClientState | undefined }

/** What happened when in which process. */
interface Event { at: number, by: number }

export interface ModelToken {
  token: string
  clientId: string
  scope: readonly string[]
  audience: string
  /** Seconds. */
  issuedAt: number
  expiresAt: number
  /** The key that has signed it; undefined for one that is opaque. */
  kid: string | undefined
  /** What made it invalid. */
  endings: Event[]
}

export interface Asked { secret: string, scopes: readonly string[] | undefined, resource: string | undefined }

/** What the token endpoint answers: an error code, or what was granted. */
export type Outcome = string

export interface ModelOptions {
  declared: readonly string[]
  audiences: readonly string[]
  /** Seconds. */
  lifetime: number
  maxLifetime: number
  /** Seconds that a token is accepted beyond its end. */
  tolerance: number
}

/** The server as it should be. */
export class ServerModel {
  now = 0
  readonly tokens: ModelToken[] = []
  readonly revokedKeys = new Map<string, Event>()
  readonly #options: ModelOptions
  readonly #keys = new Map<string, Event>()
  readonly #clients = new Map<string, Version[]>()
  readonly #revokedClients: Array<Event & { clientId: string, issuedBefore: number }> = []

  constructor (options: ModelOptions) {
    this.#options = options
  }

  get seconds (): number {
    return Math.floor(this.now / 1000)
  }

  client (id: string): ClientState | undefined {
    return this.#clients.get(id)?.at(-1)?.state
  }

  setClient (id: string, by: number, state: ClientState | undefined): void {
    const versions = this.#clients.get(id) ?? []
    this.#clients.set(id, [...versions, { at: this.now, by, state }])
  }

  /** What process `by` may answer: from a state that it may remember, and invalid_client only for the newest. */
  outcomes (id: string, by: number, asked: Asked): Set<Outcome> {
    const versions = this.#clients.get(id) ?? []
    const oldest = versions.findLastIndex((version) => this.#isKnown(version, by))
    const states = versions.slice(Math.max(oldest, 0)).map(({ state }) => state)
    if (oldest === -1) states.push(undefined)
    const newest = this.#outcome(this.client(id), asked)
    return new Set([newest, ...states.map((state) => this.#outcome(state, asked)).filter((outcome) => outcome !== 'invalid_client')])
  }

  revokeClient (clientId: string, by: number, ahead: number): void {
    this.#revokedClients.push({ at: this.now, by, clientId, issuedBefore: this.seconds + 1 + ahead })
  }

  /** From which second on a token is accepted no more. */
  endOf ({ expiresAt }: ModelToken): number {
    return expiresAt + this.#options.tolerance
  }

  /** Whether a process must refuse a token, and whether it may. */
  judge (token: ModelToken, by: number): { mustRefuse: boolean, mayRefuse: boolean } {
    const isExpired = this.endOf(token) <= this.seconds
    const revokedKey = token.kid === undefined ? undefined : this.revokedKeys.get(token.kid)
    const endings: Event[] = [
      ...token.endings,
      ...this.#revokedClients.filter(({ clientId, issuedBefore }) => clientId === token.clientId && token.issuedAt < issuedBefore),
      ...(revokedKey === undefined ? [] : [revokedKey])
    ]
    // A key that signs without having been announced, since the one before it was revoked, is known elsewhere as late as that.
    const made = token.kid === undefined ? undefined : this.#keys.get(token.kid)
    const isKeyNew = made !== undefined && !this.#isKnown(made, by)
    return { mustRefuse: isExpired || endings.some((ending) => this.#isKnown(ending, by)), mayRefuse: isExpired || endings.length > 0 || isKeyNew }
  }

  /** Takes note of a key that is there. */
  addKey (kid: string, by: number): void {
    if (!this.#keys.has(kid)) this.#keys.set(kid, { at: this.now, by })
  }

  /** Those that were ever there, the newest first. */
  get kids (): string[] {
    return [...this.#keys.keys()].reverse()
  }

  /** Whether a process must know by now that a key was revoked. */
  isKeyGone (kid: string, by: number): boolean {
    const ending = this.revokedKeys.get(kid)
    return ending !== undefined && this.#isKnown(ending, by)
  }

  lifetimeOf ({ lifetime = this.#options.lifetime }: { lifetime?: number | undefined }): number {
    return Math.min(lifetime, this.#options.maxLifetime)
  }

  #isKnown ({ at, by }: Event, reader: number): boolean {
    return by === reader || at + STALENESS <= this.now
  }

  #outcome (state: ClientState | undefined, { secret, scopes, resource }: Asked): Outcome {
    if (state === undefined || state.isDisabled) return 'invalid_client'
    if (!state.secrets.some((one) => one.secret === secret && one.expiresAt > this.seconds)) return 'invalid_client'
    const has = state.scopes.filter((scope) => this.#options.declared.includes(scope))
    // A default that the flow does not declare is refused like one that was asked for.
    const wanted = scopes ?? state.defaultScopes
    if (wanted?.some((scope) => !has.includes(scope))) return 'invalid_scope'
    const audiences = this.#options.audiences.filter((name) => state.audiences?.includes(name) ?? true)
    const audience = resource ?? audiences[0]
    if (audience === undefined || !audiences.includes(audience)) return 'invalid_target'
    return grantOf(wanted ?? has, audience, this.lifetimeOf(state))
  }
}

/** What was granted, in one text. */
export function grantOf (scope: readonly string[], audience: string, lifetime: number): Outcome {
  return `granted [${[...scope].sort().join(' ')}] for ${audience}, ${lifetime} s`
}
