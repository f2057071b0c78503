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
  /** The process that has issued it. */
  by: number
  /** What made it invalid. */
  endings: Event[]
  /** Whether it may have been issued to a state of its client from before its tokens were revoked: then it may be invalid. */
  isDoubtful: boolean
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
  /** Seconds after a cut-off for which the tokens that are issued may be rejected by it. */
  cutOffTolerance: number
}

/** The server as it should be. */
export class ServerModel {
  now = 0
  readonly tokens: ModelToken[] = []
  readonly revokedKeys = new Map<string, Event>()
  readonly #options: ModelOptions
  readonly #keys = new Map<string, Event>()
  readonly #clients = new Map<string, Version[]>()
  // When all tokens of a client, or of all clients, became invalid.
  readonly #raises: Array<Event & { clientId: string | undefined }> = []
  // Of clients that are not in the registry.
  readonly #cutOffs: Array<Event & { clientId: string, issuedBefore: number }> = []

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

  /** Makes all tokens invalid that a client has, or all clients have. */
  raise (clientId: string | undefined, by: number): void {
    const raise = { at: this.now, by, clientId }
    this.#raises.push(raise)
    for (const token of this.tokens) if (isAbout(raise, token.clientId)) token.endings.push(raise)
  }

  /** The same for a client in the registry; the tokens of any other are cut off by the time when they were issued. */
  revokeClient (clientId: string, by: number): void {
    if (this.client(clientId) !== undefined) this.raise(clientId, by)
    else this.#cutOffs.push({ at: this.now, by, clientId, issuedBefore: this.seconds + 1 })
  }

  /** Takes note of a token that was issued. */
  addToken (issued: Omit<ModelToken, 'endings' | 'isDoubtful'>): void {
    const { clientId, by } = issued
    const raises = this.#raises.filter((raise) => isAbout(raise, clientId))
    const state = this.client(clientId)
    // A process that does not know yet that the client was disabled, or removed, issues a token that is invalid from the beginning.
    const endings = state === undefined || state.isDisabled ? raises.slice(-1) : []
    this.tokens.push({ ...issued, endings, isDoubtful: raises.some((raise) => !this.#isKnown(raise, by)) })
  }

  /** From which second on a token is accepted no more. */
  endOf ({ expiresAt }: ModelToken): number {
    return expiresAt + this.#options.tolerance
  }

  /** Whether a process must refuse a token, and whether it may. */
  judge (token: ModelToken, by: number): { mustRefuse: boolean, mayRefuse: boolean } {
    const isExpired = this.endOf(token) <= this.seconds
    const revokedKey = token.kid === undefined ? undefined : this.revokedKeys.get(token.kid)
    const cutOffs = this.#cutOffs.filter(({ clientId }) => clientId === token.clientId)
    const endings: Event[] = [
      ...token.endings,
      ...cutOffs.filter(({ issuedBefore }) => token.issuedAt < issuedBefore),
      ...(revokedKey === undefined ? [] : [revokedKey])
    ]
    const isDoubtful = token.isDoubtful || cutOffs.some(({ issuedBefore }) => token.issuedAt < issuedBefore + this.#options.cutOffTolerance)
    // A key that signs without having been announced, since the one before it was revoked, is known elsewhere as late as that.
    const made = token.kid === undefined ? undefined : this.#keys.get(token.kid)
    const isKeyNew = made !== undefined && !this.#isKnown(made, by)
    return { mustRefuse: isExpired || endings.some((ending) => this.#isKnown(ending, by)), mayRefuse: isExpired || endings.length > 0 || isDoubtful || isKeyNew }
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

function isAbout ({ clientId }: { clientId: string | undefined }, id: string): boolean {
  return clientId === undefined || clientId === id
}

/** What was granted, in one text. */
export function grantOf (scope: readonly string[], audience: string, lifetime: number): Outcome {
  return `granted [${[...scope].sort().join(' ')}] for ${audience}, ${lifetime} s`
}
