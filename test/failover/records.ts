// What was accepted although it was revoked, and what was rejected although it was valid.
import type { Answer } from './http.ts'
import type { Acceptance } from './judge.ts'
import type { Ledger, Token } from './ledger.ts'
import type { Verifier } from './load.ts'
import type { ServerProcess } from './server-process.ts'
import { PROXY_CHANGES_WITHIN, SEEK_AGAIN_AFTER } from './settings.ts'
import { now } from './time.ts'
import type { World } from './world.ts'

/** A valid request that failed. */
export interface Failure { readonly what: string, readonly status: number, readonly body: string, readonly sentAt: number }

interface Window { readonly from: number, until: number }

export class Records {
  readonly #ledger: Ledger
  readonly #outages: Window[] = []
  readonly acceptances: Acceptance[] = []
  readonly failures: Failure[] = []
  /** How many requests were certainly valid, outside of outages. */
  valid = 0
  /** How many valid tokens of a new key were rejected by a resource server that had just looked for another one in the JWKS. */
  unknownKeys = 0
  /** How many protected routes with signed tokens were answered in outages, of how many valid requests. */
  readonly inOutages = { valid: 0, accepted: 0 }

  constructor (ledger: Ledger) {
    this.#ledger = ledger
  }

  /** Notes that a store, or a server, cannot be reached from now on. `until` is to be set when it can be again. */
  beginOutage (until = Infinity): Window {
    const window = { from: now(), until }
    this.#outages.push(window)
    return window
  }

  /** Leads the issuer's address to these servers: requests that are under way to it fail. */
  leadIssuerTo (world: World, ...servers: readonly ServerProcess[]): void {
    this.beginOutage(now() + PROXY_CHANGES_WITHIN)
    world.leadIssuerTo(...servers)
  }

  isInOutage ({ sentAt, receivedAt }: { sentAt: number, receivedAt: number }): boolean {
    return this.#outages.some(({ from, until }) => receivedAt >= from && sentAt <= until)
  }

  /** Takes note of the answer to a token request. */
  requested ({ client, secret, server, answer }: { client: { id: string }, secret: { id: string }, server: ServerProcess, answer: Answer }): void {
    const { status, sentAt, receivedAt } = answer
    const denials = this.#ledger.denialsOf(client.id, secret.id, answer)
    if (status === 200) this.acceptances.push(...denials.map((revocation) => ({ revocation, token: undefined, server, by: 'server' as const, sentAt, receivedAt })))
    if (denials.length > 0 || this.isInOutage(answer) || !this.#ledger.isClientUndisturbed(client.id, { from: sentAt, until: receivedAt })) return
    this.#count(`token request of ${client.id} at ${server.name}`, answer)
  }

  /** Takes note of the answer of a protected route. */
  presented ({ token, server, by, answer }: { token: Token, server: ServerProcess, by: Verifier, answer: Answer }): void {
    const { status, sentAt, receivedAt } = answer
    if (status === 200) {
      for (const revocation of this.#ledger.revocationsOf(token, sentAt)) this.acceptances.push({ revocation, token, server, by, sentAt, receivedAt })
    }
    if (!this.#ledger.isUndisturbed(token, receivedAt)) return
    if (!this.isInOutage(answer)) {
      if (status === 401 && by === 'jwks' && hasJustRead(server, token, answer)) this.unknownKeys++
      else this.#count(`${token.kind} ${token.id} of ${token.clientId} at ${server.name} by ${by}, ${(sentAt - token.receivedAt).toFixed(0)} ms old`, answer)
    } else if (by === 'server' && token.kind === 'jwt' && status !== 0) {
      this.inOutages.valid++
      if (status === 200) this.inOutages.accepted++
    }
  }

  #count (what: string, { status, body, sentAt }: Answer): void {
    this.valid++
    if (status !== 200) this.failures.push({ what, status, body: body.slice(0, 200), sentAt })
  }
}

// A resource server looks for the same unknown key again after some seconds.
function hasJustRead ({ questions }: ServerProcess, { kid }: Token, { receivedAt }: Answer): boolean {
  const last = questions.findLast(({ about }) => about === 'jwks')
  return last !== undefined && !last.kids!.includes(kid!) && last.sentAt > receivedAt - SEEK_AGAIN_AFTER
}
