// What was issued and revoked, by the time of this process alone.
import { createHash } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { Feed } from './messages.ts'

export type TokenKind = 'jwt' | 'opaque'

export interface Token {
  readonly kind: TokenKind
  readonly token: string
  readonly clientId: string
  /** The `jti`, or the hash of an opaque token. */
  readonly id: string
  readonly kid: string | undefined
  readonly requestedAt: number
  readonly receivedAt: number
}

export const REVOCATION_KINDS = ['token', 'opaque token', 'tokens of a client', 'client disabled', 'client removed', 'secret', 'key', 'all tokens'] as const
export type RevocationKind = typeof REVOCATION_KINDS[number]

/** A revocation that was acknowledged. */
export interface Revocation {
  readonly kind: RevocationKind
  /** The feed by which other processes learn of it. */
  readonly feed: Feed
  /** Its id in that feed, as reports of write-backs name it. */
  readonly id: string
  readonly clientId: string
  readonly generation: number
  readonly sentAt: number
  readonly acknowledgedAt: number
  /** The server that has acknowledged it, or `administrator` for a process that has ended since. */
  readonly by: string
  /** A token or a secret that it has made invalid, to try. */
  readonly sample: Token | { readonly clientId: string, readonly secretId: string, readonly secret: string } | undefined
  /** When the client may have got tokens again: the moment at which that was asked for. */
  endedAt: number
  /** When the primary was killed whose standby does not have it. */
  lostAt: number | undefined
}

/** A change that may make valid tokens invalid, acknowledged or not. */
interface Disturbance { readonly from: number, until: number }

export class Ledger {
  readonly tokens: Token[] = []
  readonly revocations: Revocation[] = []
  readonly #byTarget = new Map<string, Revocation[]>()
  readonly #disturbances = new Map<string, Disturbance[]>()

  issued (kind: TokenKind, token: string, clientId: string, { sentAt, receivedAt }: { sentAt: number, receivedAt: number }): Token {
    const id = kind === 'jwt' ? String(decodeJwt(token).jti) : createHash('sha256').update(token).digest('base64url')
    const issued = { kind, token, clientId, id, kid: kind === 'jwt' ? decodeProtectedHeader(token).kid : undefined, requestedAt: sentAt, receivedAt }
    this.tokens.push(issued)
    return issued
  }

  revoked (revocation: Revocation): void {
    this.revocations.push(revocation)
    const target = targetOf(revocation)
    const others = this.#byTarget.get(target)
    if (others === undefined) this.#byTarget.set(target, [revocation])
    else others.push(revocation)
  }

  /** The revocations that were acknowledged before a time and concern a token. */
  revocationsOf (token: Token, before: number): Revocation[] {
    const targets = [`token ${token.id}`, `key ${token.kid}`, `client ${token.clientId}`, 'all']
    return targets.flatMap((target) => this.#byTarget.get(target) ?? []).filter((one) => one.acknowledgedAt < before && isRevokedBy(token, one))
  }

  /** The revocations of secrets and clients by which a client gets no token. */
  denialsOf (clientId: string, secretId: string, { sentAt }: { sentAt: number }): Revocation[] {
    return [...this.#byTarget.get(`secret ${clientId} ${secretId}`) ?? [], ...this.#byTarget.get(`client ${clientId}`) ?? []]
      .filter(({ kind, acknowledgedAt, endedAt }) => kind !== 'tokens of a client' && acknowledgedAt < sentAt && endedAt > sentAt)
  }

  /** Takes note of a change that begins. @param target as in {@link targetsOf}; `until` is to be set when it has ended */
  disturb (target: string, from: number, until = Infinity): Disturbance {
    const disturbance = { from, until }
    const others = this.#disturbances.get(target)
    if (others === undefined) this.#disturbances.set(target, [disturbance])
    else others.push(disturbance)
    return disturbance
  }

  /** Whether no change could be a reason to reject a token at a time. */
  isUndisturbed (token: Token, until: number): boolean {
    return targetsOf(token).every((target) => (this.#disturbances.get(target) ?? []).every((one) => one.until < token.requestedAt || one.from > until))
  }

  /** Whether no change could be a reason to reject a request by a client. */
  isClientUndisturbed (clientId: string, { from, until }: { from: number, until: number }): boolean {
    return (this.#disturbances.get(`client ${clientId}`) ?? []).every((one) => one.until < from || one.from > until)
  }
}

/** What changes may concern a token. */
function targetsOf ({ id, kid, clientId }: Token): string[] {
  return [`token ${id}`, `key ${kid}`, `client ${clientId}`, 'all']
}

function targetOf ({ kind, id, clientId }: Revocation): string {
  if (kind === 'token' || kind === 'opaque token') return `token ${id}`
  if (kind === 'key' || kind === 'secret') return id
  return kind === 'all tokens' ? 'all' : `client ${clientId}`
}

function isRevokedBy (token: Token, { kind, sentAt, endedAt }: Revocation): boolean {
  // A token request that was under way yields no token that works, nor does one before the client may have tokens again.
  if (kind === 'client disabled' || kind === 'client removed') return token.requestedAt < endedAt
  // Whether a token that was under way is an older or a newer one cannot be told.
  if (kind === 'tokens of a client' || kind === 'all tokens') return token.receivedAt < sentAt
  return true
}
