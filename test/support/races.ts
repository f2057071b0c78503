// Several things at once, in two processes on one store, whose calls end in any order. What is checked is what may be said of
// each answer whatever the order was.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { STALENESS } from './server-model.ts'
import { API, issue, present, read, revoke, startProcess } from './server-world.ts'
import type { ServerProcess, TokenKind, WholeStore } from './server-world.ts'

const START = 1_800_000_000
const ID = 'billing'

type TakingAway = 'disable' | 'remove' | 'revokeSecret' | 'revoke' | 'revokeClient' | 'revokeKey'
type Deed = { do: 'issue' | 'present' | 'rotateSecret' | 'rotateKey' | 'change' | TakingAway, at: 0 | 1 } | { do: 'wait', milliseconds: number }

/** Who does what: each one thing after another, and all at once. */
export type Race = Deed[][]

const at = fc.constantFrom<(0 | 1)[]>(0, 1)
const DEEDS: ReadonlyArray<[weight: number, deed: fc.Arbitrary<Deed>]> = [
  [6, fc.record({ do: fc.constantFrom('issue', 'present'), at })],
  [2, fc.record({ do: fc.constantFrom('rotateSecret', 'rotateKey', 'change'), at })],
  [2, fc.record({ do: fc.constantFrom<TakingAway[]>('disable', 'remove', 'revokeSecret', 'revoke', 'revokeClient', 'revokeKey'), at })],
  [2, fc.record({ do: fc.constant('wait'), milliseconds: fc.constantFrom(1, 499, 500, 501, 999, 1000, 1001, 5000) })]
]
const deed = fc.oneof(...DEEDS.map(([weight, arbitrary]) => ({ weight, arbitrary })))
export const races: fc.Arbitrary<Race> = fc.array(fc.array(deed, { minLength: 1, maxLength: 8 }), { minLength: 2, maxLength: 4 })

const ENDS: Record<'issue' | 'present', readonly TakingAway[]> = {
  issue: ['disable', 'remove', 'revokeSecret'],
  present: ['revoke', 'revokeClient', 'revokeKey', 'disable', 'remove']
}

/** What makes all tokens of the client invalid. */
const RAISES: ReadonlyArray<Deed['do']> = ['disable', 'remove', 'revokeClient']

/** What was done, from which moment to which: moments are counted, and have a time of the clock. */
interface Done {
  deed: Exclude<Deed, { do: 'wait' }>
  begin: number
  beginAt: number
  end: number
  endAt: number
  isGood: boolean
  /** What was issued. */
  token: string | undefined
}

/** What became of a deed: whether it went well, and what was issued. */
type Result = boolean | { token: string }

/** Runs a race. What a store call takes by the clock, the servers may be behind in addition. */
export async function run (race: Race, scheduler: fc.Scheduler, kind: TokenKind, openStore: (now: () => number) => WholeStore, clock: { milliseconds: number }): Promise<void> {
  clock.milliseconds = 0
  const now = () => START + Math.floor(clock.milliseconds / 1000)
  const store = openStore(now)
  const delay = { isOn: false, longest: 0 }
  const processes = [0, 1].map((at) => startProcess(scheduled(store, scheduler, clock, delay, at), kind, now)) as [ServerProcess, ServerProcess]

  const { secret } = await processes[0].clients.add({ id: ID, scopes: ['data:read'] })
  const { token } = await issue(processes[0], ID, secret!.secret, undefined, API)
  const old = await processes[1].clients.rotateSecret(ID)
  for (const process of processes) assert.equal(await present(process, token), `${ID} [data:read]`)

  const done: Done[] = []
  const rotated: Array<{ secret: string, at: number }> = []
  let moment = 0
  const act = async (deed: Exclude<Deed, { do: 'wait' }>): Promise<Result> => {
    const { clients, keys, tokens } = processes[deed.at]
    switch (deed.do) {
      case 'issue': {
        const { error, token } = await issue(processes[deed.at], ID, secret!.secret, undefined, undefined)
        return error === undefined && { token }
      }
      case 'present': return await present(processes[deed.at], token) !== undefined
      case 'rotateSecret': {
        const issued = await clients.rotateSecret(ID)
        if (issued !== undefined) rotated.push({ secret: issued.secret, at: moment })
        return true
      }
      case 'rotateKey': return await keys.rotate().then(() => true)
      case 'change': return await clients.update(ID, { name: `Name ${moment}` }).then(() => true)
      case 'revokeSecret': return await clients.revokeSecret(ID, secret!.id)
      case 'revoke': return await revoke(processes[deed.at], ID, old!.secret, token) === undefined
      case 'revokeClient': return await tokens.revokeClient(ID).then(() => true)
      case 'revokeKey': return kind === 'jwt' && await keys.revoke(read(token).kid!)
      case 'disable': return (await clients.disable(ID)) !== undefined
      case 'remove': return await clients.remove(ID)
    }
  }
  const live = async (deeds: readonly Deed[]): Promise<void> => {
    for (const deed of deeds) {
      if (deed.do === 'wait') {
        await scheduler.schedule(Promise.resolve(), `wait ${deed.milliseconds}`)
        clock.milliseconds += deed.milliseconds
        continue
      }
      const [begin, beginAt] = [++moment, clock.milliseconds]
      const result = await act(deed)
      const token = typeof result === 'object' ? result.token : undefined
      done.push({ deed, begin, beginAt, end: ++moment, endAt: clock.milliseconds, isGood: result !== false, token })
    }
  }
  delay.isOn = true
  await scheduler.waitFor(Promise.all(race.map(live)))
  delay.isOn = false
  checkReads(done, delay.longest)
  await checkEnd(done, rotated, startProcess(store, kind, now))
  await checkIssued(done, delay.longest, startProcess(store, kind, now, API))
}

function checkReads (done: readonly Done[], longest: number): void {
  for (const one of done) {
    const { deed: { do: what, at }, begin, beginAt, end, isGood } = one
    if (what !== 'issue' && what !== 'present') continue
    const endings = done.filter((other) => (ENDS[what] as readonly string[]).includes(other.deed.do))
    if (!isGood) {
      assert.ok(endings.some((ending) => ending.begin < end), `${what} was refused, and nothing had happened: ${JSON.stringify(one)}`)
      continue
    }
    const known = endings.find((ending) => ending.isGood && ending.end < begin && (ending.deed.at === at || ending.endAt + STALENESS + longest <= beginAt))
    assert.equal(known, undefined, `${what} went well, though it was known better: ${JSON.stringify(one)}`)
  }
}

// Nothing that somebody was told is done was undone by somebody else.
async function checkEnd (done: readonly Done[], rotated: ReadonlyArray<{ secret: string }>, process: ServerProcess): Promise<void> {
  const has = (what: TakingAway) => done.some(({ deed, isGood }) => deed.do === what && isGood)
  const client = await process.clients.find(ID)
  assert.equal(client === undefined, has('remove'))
  if (client === undefined) return
  assert.equal(client.isDisabled, has('disable'))
  assert.equal(client.secrets.length, rotated.length + (has('revokeSecret') ? 1 : 2))
  for (const { secret } of rotated) assert.equal((await issue(process, ID, secret, undefined, undefined)).error, client.isDisabled ? 'invalid_client' : undefined)
  const keys = await process.keys.list()
  assert.ok(keys.filter(({ state }) => state === 'next').length <= 1, 'two keys were announced at once')
}

// Which of the tokens that were issued meanwhile work in the end, in a process that has seen nothing of all that.
async function checkIssued (done: readonly Done[], longest: number, process: ServerProcess): Promise<void> {
  const raises = done.filter(({ deed, isGood }) => isGood && RAISES.includes(deed.do))
  const isClientGone = raises.some(({ deed }) => deed.do !== 'revokeClient')
  const isKeyRevoked = done.some(({ deed, isGood }) => deed.do === 'revokeKey' && isGood)
  for (const one of done) {
    if (one.token === undefined) continue
    const isAccepted = await present(process, one.token) !== undefined
    // A request that was under way, or came a moment later where that was not known yet, yields no token that works.
    if (isClientGone || raises.some(({ begin }) => one.end < begin)) assert.ok(!isAccepted, `a token works that was revoked: ${JSON.stringify(one)}`)
    const isLater = raises.every((raise) => raise.end < one.begin && (raise.deed.at === one.deed.at || raise.endAt + STALENESS + longest <= one.beginAt))
    if (!isClientGone && !isKeyRevoked && isLater) assert.ok(isAccepted, `a token does not work that was not revoked: ${JSON.stringify(one)}`)
  }
}

function scheduled (store: WholeStore, scheduler: fc.Scheduler, clock: { milliseconds: number }, delay: { isOn: boolean, longest: number }, at: number): WholeStore {
  return new Proxy(store, {
    get (target, name) {
      const method = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      return async (...values: unknown[]) => {
        const begin = clock.milliseconds
        if (delay.isOn) await scheduler.schedule(Promise.resolve(), `${at}: ${String(name)} is asked`)
        const answer = await method.apply(target, values)
        if (delay.isOn) await scheduler.schedule(Promise.resolve(), `${at}: ${String(name)} answers`)
        delay.longest = Math.max(delay.longest, clock.milliseconds - begin)
        return answer
      }
    }
  })
}
