// Lives a history through, in the model and in the real servers, and compares what they say.
import assert from 'node:assert/strict'
import { FlowConfigurationError } from '../../src/index.ts'
import { CLIENT_IDS } from './histories.ts'
import type { At, Step } from './histories.ts'
import { grantOf, ServerModel, STALENESS } from './server-model.ts'
import type { ClientState, ModelToken } from './server-model.ts'
import { API, CLOCK_TOLERANCE, introspect, issue, LIFETIME, MAX_LIFETIME, present, read, REPORTS, revoke, SCOPES, startProcess } from './server-world.ts'
import type { ServerProcess, TokenKind, WholeStore } from './server-world.ts'

const START = 1_800_000_000
/** A resource server of one audience, beside the processes 0 and 1. */
const READER = 2
/** The changes of a client that make the tokens invalid which it had: those of a removed one stay so when its id is added anew. */
const RAISING: ReadonlyArray<Step['do']> = ['add', 'disable', 'enable', 'remove']

/** How often each outcome was seen, so that a test can tell whether its histories say anything. */
export type Seen = Map<string, number>

interface IssuedSecret { id: string, secret: string }

export interface HistoryOptions {
  kind: TokenKind
  /** One for each process, the resource server included. */
  openStores: (now: () => number) => [WholeStore, WholeStore, WholeStore]
  /** A clock for what the servers age their memory by. */
  clock: { milliseconds: number }
  seen: Seen
}

export class History {
  readonly #model: ServerModel
  readonly #clock: HistoryOptions['clock']
  readonly #seen: Seen
  readonly #kind: TokenKind
  readonly #processes: [ServerProcess, ServerProcess]
  readonly #reader: ServerProcess
  // All that were ever made for an id, the newest first.
  readonly #secrets = new Map<string, IssuedSecret[]>(CLIENT_IDS.map((id) => [id, []]))
  #observer: IssuedSecret | undefined

  constructor ({ kind, openStores, clock, seen }: HistoryOptions) {
    const now = () => START + Math.floor(clock.milliseconds / 1000)
    const stores = openStores(now)
    this.#kind = kind
    this.#clock = clock
    this.#seen = seen
    this.#processes = [startProcess(stores[0], kind, now), startProcess(stores[1], kind, now)]
    this.#reader = startProcess(stores[2], kind, now, REPORTS)
    this.#model = new ServerModel({ declared: SCOPES, audiences: [API, REPORTS], lifetime: LIFETIME, maxLifetime: MAX_LIFETIME, tolerance: kind === 'jwt' ? CLOCK_TOLERANCE : 0, cutOffTolerance: CLOCK_TOLERANCE })
  }

  async live (steps: readonly Step[]): Promise<void> {
    this.#clock.milliseconds = 0
    // Together, they agree on the settings.
    await Promise.all([...this.#processes, this.#reader].map(({ tokens }) => tokens.start()))
    this.#observer = (await this.#processes[0].clients.add({ id: 'observer', introspects: [API] })).secret
    for (const step of steps) await this.#do(step)
    // What was done is known everywhere by now, and nothing is left open.
    this.#wait(STALENESS)
    await this.#compareAll()
  }

  async #do (step: Step): Promise<void> {
    switch (step.do) {
      case 'wait': return this.#wait(step.milliseconds)
      case 'outlive': return await this.#withToken(step.token, (token) => this.#outlive(token, step.milliseconds))
      case 'issue': return await this.#issue(step.at, this.#id(step), this.#secretOf(step)?.secret ?? 'none', step.scopes, step.resource)
      case 'present': return await this.#withToken(step.token, (token) => this.#present(token, step.at))
      case 'introspect': return await this.#withToken(step.token, (token) => this.#introspect(token, step.at))
      case 'revoke': return await this.#withToken(step.token, (token) => {
        const id = step.client === undefined ? token.clientId : CLIENT_IDS[step.client]!
        return this.#revoke(token, step.at, id, this.#secrets.get(id)![0]?.secret ?? 'none')
      })
      case 'revokeClient':
        await this.#processes[step.at].tokens.revokeClient(this.#id(step))
        return this.#model.revokeClient(this.#id(step), step.at)
      case 'revokeTokens': return await this.#revokeTokens(this.#id(step), step.at)
      case 'revokeAll':
        await this.#processes[step.at].clients.revokeAllTokens()
        return this.#model.raise(undefined, step.at)
      case 'rotateKey': return await this.#rotateKey(step)
      case 'revokeKey': return await this.#revokeKey(step)
      case 'readKeys': return await this.#readKeys(step.at)
      default: return await this.#changeClient(step)
    }
  }

  #wait (milliseconds: number): void {
    this.#clock.milliseconds += milliseconds
    this.#model.now += milliseconds
  }

  async #outlive (token: ModelToken, milliseconds: number): Promise<void> {
    this.#wait(Math.max(0, this.#model.endOf(token) * 1000 + milliseconds - this.#model.now))
    for (const at of [0, 1, READER] as const) await this.#present(token, at)
  }

  #id ({ client }: { client: number }): string {
    return CLIENT_IDS[client]!
  }

  #secretOf (step: { client: number, secret: number }): IssuedSecret | undefined {
    const secrets = this.#secrets.get(this.#id(step))!
    return secrets[step.secret % Math.max(secrets.length, 1)]
  }

  async #withToken (index: number, use: (token: ModelToken) => Promise<void>): Promise<void> {
    const { tokens } = this.#model
    if (tokens.length > 0) await use(tokens[tokens.length - 1 - index % tokens.length]!)
  }

  async #changeClient (step: Step & { client: number }): Promise<void> {
    const { clients } = this.#processes[(step as { at: At }).at]
    const id = this.#id(step)
    const before = this.#model.client(id)
    const changed = await this.#applyChange(clients, step, id, before)
    if (changed === before) return
    if (RAISING.includes(step.do)) this.#model.raise(id, (step as { at: At }).at)
    this.#model.setClient(id, (step as { at: At }).at, changed)
  }

  async #revokeTokens (id: string, at: At): Promise<void> {
    const isThere = this.#model.client(id) !== undefined
    assert.equal(await this.#processes[at].clients.revokeTokens(id), isThere)
    if (isThere) this.#model.raise(id, at)
  }

  async #applyChange (clients: ServerProcess['clients'], step: Step, id: string, before: ClientState | undefined): Promise<ClientState | undefined> {
    switch (step.do) {
      case 'add': {
        const { scopes, lifetime, secretLifetime } = step
        const adding = clients.add({ id, scopes, ...(lifetime && { accessTokenLifetime: lifetime }), ...(secretLifetime && { lifetime: secretLifetime }) })
        if (before !== undefined) {
          await assert.rejects(adding, FlowConfigurationError)
          return before
        }
        const secret = this.#keep(id, (await adding).secret!)
        return { scopes, isDisabled: false, lifetime, secrets: [{ ...secret, expiresAt: this.#end(secretLifetime) }] }
      }
      case 'change': {
        const { scopes, hasDefaults, audiences, lifetime } = step
        const defaultScopes = hasDefaults ? scopes.slice(0, 1) : undefined
        const changed = await clients.update(id, { scopes, defaultScopes, audiences, accessTokenLifetime: lifetime })
        assert.equal(changed !== undefined, before !== undefined)
        return before && { ...before, scopes, defaultScopes, audiences, lifetime }
      }
      case 'disable':
      case 'enable': {
        const changed = await clients[step.do](id)
        assert.equal(changed?.isDisabled, before && step.do === 'disable')
        return before && { ...before, isDisabled: step.do === 'disable' }
      }
      case 'remove':
        assert.equal(await clients.remove(id), before !== undefined)
        return undefined
      case 'rotateSecret': {
        const { overlap, secretLifetime } = step
        const issued = await clients.rotateSecret(id, { overlap, ...(secretLifetime && { lifetime: secretLifetime }) })
        assert.equal(issued !== undefined, before !== undefined)
        if (before === undefined || issued === undefined) return before
        const older = before.secrets.map((one) => ({ ...one, expiresAt: Math.min(one.expiresAt, this.#model.seconds + overlap) }))
        return { ...before, secrets: [...older, { ...this.#keep(id, issued), expiresAt: this.#end(secretLifetime) }] }
      }
      default: {
        const secret = this.#secretOf(step as { client: number, secret: number })
        const isRevoked = await clients.revokeSecret(id, secret?.id ?? 'none')
        const rest = before?.secrets.filter((one) => one.id !== secret?.id)
        // One that expired before another was made is gone already.
        if (isRevoked || before?.secrets.some((one) => one.id === secret?.id && one.expiresAt > this.#model.seconds)) assert.equal(isRevoked, rest!.length < before!.secrets.length)
        return before && { ...before, secrets: rest! }
      }
    }
  }

  #keep (id: string, issued: IssuedSecret): IssuedSecret {
    this.#secrets.get(id)!.unshift(issued)
    return { id: issued.id, secret: issued.secret }
  }

  #end (lifetime: number | undefined): number {
    return lifetime === undefined ? Infinity : this.#model.seconds + lifetime
  }

  async #issue (at: At, id: string, secret: string, scopes: readonly string[] | undefined, resource: string | undefined): Promise<void> {
    const expected = this.#model.outcomes(id, at, { secret, scopes, resource })
    const { error, token, scope, lifetime } = await issue(this.#processes[at], id, secret, scopes, resource)
    this.#count(error ?? 'granted')
    if (error !== undefined) return assert.ok(expected.has(error), `${error}, and not ${[...expected].join(' or ')}`)
    const { kid, audience } = read(token)
    const audiences = audience === undefined ? [API, REPORTS] : [String(audience)]
    const granted = audiences.filter((name) => expected.has(grantOf(scope, name, lifetime)))
    assert.ok(granted.length > 0, `${grantOf(scope, audiences.join(' or '), lifetime)}, and not ${[...expected].join(' or ')}`)
    if (kid !== undefined) {
      assert.ok(!this.#model.isKeyGone(kid, at), 'a key signs that was revoked')
      this.#model.addKey(kid, at)
    }
    const issuedAt = this.#model.seconds
    this.#model.addToken({ token, clientId: id, scope, audience: granted[0]!, issuedAt, expiresAt: issuedAt + lifetime, kid, by: at })
  }

  async #present (token: ModelToken, at: At | typeof READER): Promise<void> {
    const isReader = at === READER
    const caller = await present(isReader ? this.#reader : this.#processes[at], token.token)
    const { mustRefuse, mayRefuse } = this.#model.judge(token, at)
    const isForeign = isReader && token.audience !== REPORTS
    this.#count(caller === undefined ? 'refused' : 'accepted')
    if (caller === undefined) assert.ok(mayRefuse || isForeign, 'a good token was refused')
    else {
      assert.ok(!mustRefuse && !isForeign, 'a token was accepted that is not valid')
      assert.equal(caller, `${token.clientId} [${[...token.scope].sort().join(' ')}]`)
    }
  }

  async #introspect (token: ModelToken, at: At): Promise<void> {
    const { mustRefuse, mayRefuse } = this.#model.judge(token, at)
    const answer = await introspect(this.#processes[at], 'observer', this.#observer!.secret, token.token)
    const mayKnow = token.audience === API
    this.#count(answer.active ? 'active' : 'inactive')
    if (!answer.active) {
      assert.deepEqual(answer, { active: false })
      return assert.ok(mayRefuse || !mayKnow, 'a good token is inactive')
    }
    assert.ok(!mustRefuse && mayKnow, 'a token is active that is not valid, or nobody\'s business')
    const { client_id: clientId, sub, scope = '', iat, exp, aud } = answer
    assert.deepEqual(
      { clientId, sub, scope: scope.split(' ').filter(Boolean), lifetime: exp! - iat!, iat: iat! - START, aud },
      { clientId: token.clientId, sub: token.clientId, scope: token.scope, lifetime: token.expiresAt - token.issuedAt, iat: token.issuedAt, aud: token.audience }
    )
  }

  async #revoke (token: ModelToken, at: At, id: string, secret: string): Promise<void> {
    const outcomes = this.#model.outcomes(id, at, { secret, scopes: [], resource: undefined })
    const { mayRefuse, mustRefuse } = this.#model.judge(token, at)
    const error = await revoke(this.#processes[at], id, secret, token.token)
    this.#count(`revocation ${error ?? 'done'}`)
    if (error === 'invalid_client') return assert.ok(outcomes.has(error))
    assert.ok([...outcomes].some((outcome) => outcome !== 'invalid_client'), 'somebody else may revoke')
    if (error === 'invalid_request') return assert.ok(id !== token.clientId && !mustRefuse)
    assert.equal(error, undefined)
    assert.ok(id === token.clientId || mayRefuse, 'the token of another client was revoked')
    if (id === token.clientId) token.endings.push({ at: this.#model.now, by: at })
  }

  async #rotateKey ({ at }: { at: At }): Promise<void> {
    await this.#processes[at].keys.rotate()
    await this.#noteKeys(at)
  }

  async #revokeKey ({ at, key }: { at: At, key: number }): Promise<void> {
    const { kids } = this.#model
    const kid = kids[key % Math.max(kids.length, 1)]
    if (kid === undefined) return
    await this.#processes[at].keys.revoke(kid)
    if (!this.#model.revokedKeys.has(kid)) this.#model.revokedKeys.set(kid, { at: this.#model.now, by: at })
    await this.#noteKeys(at)
  }

  async #noteKeys (at: At): Promise<void> {
    for (const { kid } of await this.#processes[at].keys.list()) this.#model.addKey(kid, at)
  }

  async #readKeys (at: At): Promise<void> {
    const { keys } = await this.#processes[at].keys.toJwks()
    const kids = keys.map(({ kid }) => String(kid))
    assert.ok(kids.length > 0)
    assert.equal(new Set(kids).size, kids.length)
    for (const jwk of keys) assert.deepEqual(Object.keys(jwk).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
    for (const kid of kids) assert.ok(!this.#model.isKeyGone(kid, at), 'a key is announced that was revoked')
    for (const token of this.#model.tokens) {
      if (token.kid !== undefined && !this.#model.judge(token, at).mayRefuse) assert.ok(kids.includes(token.kid), 'the key of a good token is not there')
    }
  }

  async #compareAll (): Promise<void> {
    for (const at of [0, 1] as const) {
      if (this.#kind === 'jwt') await this.#readKeys(at)
      for (const token of this.#model.tokens) {
        await this.#present(token, at)
        await this.#introspect(token, at)
      }
      for (const [id, secrets] of this.#secrets) for (const { secret } of secrets) await this.#issue(at, id, secret, undefined, undefined)
    }
    for (const token of this.#model.tokens) await this.#present(token, READER)
  }

  #count (outcome: string): void {
    this.#seen.set(outcome, (this.#seen.get(outcome) ?? 0) + 1)
  }
}
