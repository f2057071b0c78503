// What was issued, revoked and decided in a run, by the simulation's own time.
import type { Entry, Written } from '../../src/stores/contracts/index.ts'
import type { Replica } from './replica.ts'

/** An access token. All times are true times in milliseconds, but those of its claims. */
export interface IssuedToken {
  readonly number: number
  readonly token: string
  readonly clientId: string
  /** When the token request began, and when it was answered. */
  readonly requestedAt: number
  readonly issuedAt: number
  readonly issuer: string
  /** Whether a process of 0.1.0 has issued it, which knows no generations. */
  readonly isLegacy: boolean
  /** Whether its issuer had a clock that is wrong by more than is tolerated. */
  readonly isDoubtful: boolean
  /** When the rows of its client were read in the request by which it was issued. */
  readonly readsOfClient: readonly number[]
  /** The greatest generation that its issuer had been told of by then. */
  readonly knownGeneration: number
  /** And the one that the database had. */
  readonly generationThen: number
  /** The `jti`, or the hash of an opaque token. */
  readonly id: string
  readonly kid: string | undefined
  /** For the trace. */
  readonly claims: string
  /** Seconds since 1970, by the clock of the issuer. */
  readonly iat: number
  readonly exp: number
}

/** A number that a client, or all, were raised to. */
export interface Raise {
  readonly at: number
  /** Undefined for all clients. */
  readonly clientId: string | undefined
  readonly generation: number
  readonly isDisabled: boolean
  readonly replica: Replica
}

/** A secret as it was issued. */
export interface IssuedSecret { readonly id: string, readonly secret: string }

/** Tokens that are invalid: of a client, of a key, or all. */
export interface EndedTokens { readonly clientId?: string, readonly kid?: string }

export class Ledger {
  /** Changes that were acknowledged, by which tokens are invalid that were issued before. */
  readonly ended: Array<EndedTokens & { readonly begunAt: number, readonly acknowledgedAt: number }> = []
  readonly tokens: IssuedToken[] = []
  readonly raises: Raise[] = []
  /** By client, the newest first. */
  readonly secrets = new Map<string, IssuedSecret[]>()
  /** How often each one-time value was accepted. */
  readonly uses = new Map<string, number>()
  /** Cut-offs that were written, when, and whether by a clock that is behind or ahead by more than is tolerated. */
  readonly cutOffs: Array<{ readonly at: number, readonly clientId: string, readonly issuedBefore: number, readonly isBehind: boolean, readonly isAhead: boolean }> = []
  /** When single tokens were revoked, by their ids. */
  readonly revokedTokens = new Map<string, number>()
  readonly revokedKeys = new Map<string, number>()
  readonly revokedSecrets = new Map<string, number>()
  /** When the rows or entries of a client were changed last so that its tokens are invalid; of all clients under ''. */
  readonly lastRaises = new Map<string, number>()
  /** When the main database lost history. */
  readonly losses: number[] = []

  /** Takes note of entries that a change has written, where they are not written back. */
  raised (at: number, written: Written, replica: Replica): void {
    for (const entry of written as ReadonlyArray<Entry>) {
      if (entry.kind === 'client') this.raises.push({ at, clientId: entry.id, generation: entry.generation, isDisabled: entry.isDisabled, replica })
      else if (entry.kind === 'all') this.raises.push({ at, clientId: undefined, generation: entry.generation, isDisabled: false, replica })
      else if (entry.kind === 'key') this.revokedKeys.set(entry.id, at)
      else this.revokedSecrets.set(entry.id, at)
    }
  }

  /** When the tokens of a client were made invalid last, by a change or by a write-back. */
  lastRaise (clientId: string): number {
    return Math.max(this.lastRaises.get(clientId) ?? -Infinity, this.lastRaises.get('') ?? -Infinity)
  }

  /** The raise that revokes a token, of those up to a number. */
  raiseOf (token: IssuedToken, known: number): Raise | undefined {
    return this.raises.find((raise) => raise.generation <= known && this.#isRevokedBy(token, raise))
  }

  // A token that was issued before the change, or in a request that had read its client before.
  #isRevokedBy (token: IssuedToken, raise: Raise): boolean {
    const { at, clientId, isDisabled } = raise
    if (clientId !== undefined && clientId !== token.clientId) return false
    if (token.issuedAt <= at) return true
    if (isDisabled) return token.issuedAt < this.#enabledAfter(raise)
    return token.requestedAt < at && token.knownGeneration < raise.generation && token.readsOfClient.every((servedAt) => servedAt < at)
  }

  // When the client could get tokens again.
  #enabledAfter ({ at, clientId }: Raise): number {
    const enabled = this.raises.find((raise) => raise.at > at && raise.clientId === clientId && !raise.isDisabled)?.at ?? Infinity
    return Math.min(enabled, this.losses.find((loss) => loss > at) ?? Infinity)
  }
}
