import { deleteExpired, mergeExpiry } from '../entries/merging-state.ts'
import type { MergingState } from '../entries/merging-state.ts'
import { SplitMap } from '../lib/split-map.ts'
import type { Revocation } from '../stores/contracts/index.ts'

interface CutOff { readonly issuedBefore: number, readonly expiresAt: number }

/** The revocations that a process holds. Of the cut-offs of a client the latest applies; revoked tokens are only added. */
export class RevocationState implements MergingState<Revocation> {
  readonly #tokens = new SplitMap<number>()
  readonly #cutOffs = new SplitMap<CutOff>()
  #changes = 0

  /** Counts the calls of {@link merge}. */
  get changes (): number {
    return this.#changes
  }

  isTokenRevoked (id: string): boolean {
    return this.#tokens.has(id)
  }

  /** Returns the cut-off of a client in seconds since 1970: its tokens that were issued before are revoked. 0 for none. */
  cutOffOf (clientId: string): number {
    return this.#cutOffs.get(clientId)?.issuedBefore ?? 0
  }

  merge (revocation: Revocation): boolean {
    this.#changes++
    const { kind, id, expiresAt } = revocation
    if (kind === 'token') return mergeExpiry(this.#tokens, id, expiresAt)
    const held = this.#cutOffs.get(id)
    const issuedBefore = Math.max(revocation.issuedBefore, held?.issuedBefore ?? 0)
    this.#cutOffs.set(id, { issuedBefore, expiresAt: Math.max(expiresAt, held?.expiresAt ?? 0) })
    return issuedBefore !== held?.issuedBefore
  }

  covers (revocation: Revocation): boolean {
    return revocation.kind === 'token' ? this.#tokens.has(revocation.id) : this.cutOffOf(revocation.id) >= revocation.issuedBefore
  }

  * list (): Generator<Revocation> {
    for (const [id, expiresAt] of this.#tokens) yield { kind: 'token', id, expiresAt }
    for (const [id, cutOff] of this.#cutOffs) yield { kind: 'client', id, ...cutOff }
  }

  * forget (before: () => number): Generator<void> {
    yield * deleteExpired(this.#tokens, before, (expiresAt) => expiresAt)
    yield * deleteExpired(this.#cutOffs, before, ({ expiresAt }) => expiresAt)
  }

  empty (): RevocationState {
    return new RevocationState()
  }
}
