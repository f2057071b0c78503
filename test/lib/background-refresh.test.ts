// The clauses of "Refresh" (design §3.1), each on virtual wall and monotonic clocks and timers.
import { setImmediate } from 'node:timers/promises'
import { test } from 'tap'
import type { Test } from 'tap'
import { BackgroundRefresh } from '../../src/lib/background-refresh.ts'
import type { BackgroundRefreshOptions } from '../../src/lib/background-refresh.ts'
import { stopwatch } from '../support/stopwatch.ts'

const SECOND = 1000
const MAX_STALE = 600 * SECOND
const DAY = 86_400 * SECOND

interface Timer { readonly run: () => void, readonly at: number }

/** A refresh whose reads a test answers, in a process whose clocks a test moves. */
class World {
  wall = 1_800_000_000_000
  /** The reads that were begun, in their order. */
  readonly reads: Array<{ succeed: (state?: string) => Promise<void>, fail: (error?: Error) => Promise<void> }> = []
  readonly outages: Error[] = []
  /** What was put into effect. */
  readonly states: string[] = []
  readonly overtaken: string[] = []
  refresh: BackgroundRefresh
  readonly #passMonotonic: (milliseconds: number) => void
  readonly #timers = new Set<Timer>()
  #monotonic = 0

  constructor (t: Test, options: Partial<BackgroundRefreshOptions> = {}) {
    this.#passMonotonic = stopwatch(t)
    t.intercept(globalThis, 'setTimeout', {
      value: (run: () => void, delay: number) => {
        const timer = { run, at: this.#monotonic + delay }
        this.#timers.add(timer)
        return timer
      }
    })
    t.intercept(globalThis, 'clearTimeout', { value: (timer: Timer) => { this.#timers.delete(timer) } })
    this.refresh = new BackgroundRefresh(() => this.#read(), {
      now: () => this.wall / 1000, onOutage: (error) => { this.outages.push(error) }, ...options
    })
  }

  async #read (): Promise<(isOvertaken: boolean) => void> {
    return await new Promise((resolve, reject) => {
      const number = this.reads.length + 1
      this.reads.push({
        succeed: async (state = `state ${number}`) => {
          resolve((isOvertaken) => { (isOvertaken ? this.overtaken : this.states).push(state) })
          await setImmediate()
        },
        fail: async (error = new Error(`failure ${number}`)) => {
          reject(error)
          await setImmediate()
        }
      })
    })
  }

  /** Time goes by for the process: timers run. */
  async pass (milliseconds: number): Promise<void> {
    this.suspend(milliseconds, milliseconds)
    await this.resume()
  }

  /** Time goes by, and the process does not run. */
  suspend (wall: number, monotonic = 0): void {
    this.wall += wall
    this.#monotonic += monotonic
    this.#passMonotonic(monotonic)
  }

  /** Runs the timers that are due. */
  async resume (): Promise<void> {
    for (const timer of this.#timers) if (timer.at <= this.#monotonic && this.#timers.delete(timer)) timer.run()
    await setImmediate()
  }

  /** Reads a state that is of an age. */
  async read (age = 0): Promise<void> {
    this.refresh.renew(Infinity)
    await this.reads.at(-1)!.succeed()
    await this.pass(age)
  }

  /** Fails an attempt at once. */
  async failAttempt (): Promise<void> {
    this.refresh.renew()
    await this.reads.at(-1)!.fail()
  }

  get count (): number {
    return this.reads.length
  }
}

/** Whether a promise has settled by now. */
async function isSettled (promise: Promise<unknown> | undefined): Promise<boolean> {
  let settled = false
  promise?.then(() => { settled = true })
  await setImmediate()
  return settled
}

test('an age counts from the beginning of the read', async (t) => {
  const world = new World(t)
  t.equal(world.refresh.age(), Infinity, 'there is no state')
  world.refresh.renew(Infinity)
  await world.pass(300)
  await world.reads[0]!.succeed()
  t.equal(world.refresh.age(), 300)
  await world.pass(200)
  t.equal(world.refresh.age(), 500)
})

const CLOCKS: Array<[title: string, wall: number, monotonic: number, age: number]> = [
  ['both count', 400, 400, 400],
  ['the wall clock is set ahead', DAY, 400, DAY],
  ['the wall clock is set back', -DAY, 400, 400],
  ['the process is suspended and the monotonic clock stops', 5000, 0, 5000],
  ['the process is suspended and the wall clock was set back meanwhile', -1, 5000, 5000]
]
for (const [title, wall, monotonic, age] of CLOCKS) {
  test(`an age is the greater of wall and monotonic time: ${title}`, async (t) => {
    const world = new World(t)
    await world.read()
    world.suspend(wall, monotonic)
    t.equal(world.refresh.age(), age)
    t.equal(world.refresh.isUsable(MAX_STALE), age < SECOND)
    t.equal(world.refresh.isRecent(world.refresh.wall(), performance.now()), age < 500)
    t.equal(world.refresh.whenStale() !== undefined, age >= SECOND)
  })
}

const AGES: Array<[age: number, reads: number, waits: boolean]> = [[0, 0, false], [499, 0, false], [500, 1, false], [999, 1, false], [1000, 1, true], [DAY, 1, true]]
for (const [age, reads, waits] of AGES) {
  test(`a request with a state of ${age} ms starts ${reads} reads and ${waits ? 'waits' : 'does not wait'}`, async (t) => {
    const world = new World(t)
    await world.read(age)
    const waiting = world.refresh.whenStale()
    t.equal(world.count - 1, reads)
    t.equal(waiting !== undefined, waits)
    t.equal(world.refresh.isUsable(MAX_STALE), !waits)
    t.notOk(await isSettled(waiting))
    if (waits) await world.reads[1]!.succeed()
    t.equal(await isSettled(waiting), waits)
    t.ok(world.refresh.isUsable(MAX_STALE))
  })
}

test('a hundred requests wait for one attempt, and for one in the background', async (t) => {
  const world = new World(t)
  const first = Array.from({ length: 100 }, () => world.refresh.whenStale())
  t.equal(world.count, 1)
  await world.reads[0]!.succeed()
  t.ok(await isSettled(Promise.all(first)))
  await world.pass(500)
  for (let request = 0; request < 100; request++) t.equal(world.refresh.whenStale(), undefined)
  t.equal(world.count, 2)
  await world.pass(499)
  world.refresh.whenStale()
  t.equal(world.count, 2, 'one that is under way is not doubled')
})

test('a state that is too old waits for a read that began less than a second ago, and for no older one', async (t) => {
  const world = new World(t)
  await world.read(500)
  world.refresh.whenStale()
  await world.pass(999)
  const waiting = world.refresh.whenStale()
  t.equal(world.count, 2, 'the read from 999 ms ago')
  t.equal(world.refresh.underWay(), waiting)
  await world.reads[1]!.succeed()
  t.ok(await isSettled(waiting))
  t.equal(world.refresh.age(), 999)
  t.equal(world.refresh.underWay(), undefined)

  world.refresh.renew(Infinity)
  await world.pass(1000)
  t.equal(world.refresh.underWay(), undefined)
  const next = world.refresh.whenStale()
  t.equal(world.count, 4, 'a read from a second ago is older than what it may bring')
  await world.reads[2]!.succeed()
  t.notOk(await isSettled(next))
  t.notOk(world.refresh.isUsable(MAX_STALE))
  await world.reads[3]!.succeed()
  t.ok(await isSettled(next))
})

test('a read from before a suspension does not do, by whichever clock', async (t) => {
  for (const [wall, monotonic] of [[SECOND, 0], [-DAY, SECOND]] as const) {
    const world = new World(t)
    await world.read(500)
    world.refresh.whenStale()
    world.suspend(wall, monotonic)
    const waiting = world.refresh.whenStale()
    t.equal(world.count, 3)
    await world.reads[1]!.succeed()
    t.notOk(await isSettled(waiting))
    t.equal(world.refresh.age(), SECOND, 'its answer counts by its beginning')
    t.notOk(world.refresh.isUsable(MAX_STALE))
    await world.reads[2]!.succeed()
    t.ok(await isSettled(waiting))
    t.ok(world.refresh.isUsable(MAX_STALE))
  }
})

test('youngerThan waits for a state that is younger than its limit', async (t) => {
  const world = new World(t)
  await world.read(100)
  t.equal(world.refresh.youngerThan(101), undefined)
  const waiting = world.refresh.youngerThan(100)
  t.equal(world.count, 2)
  await world.pass(100)
  t.not(world.refresh.youngerThan(100), waiting)
  t.equal(world.count, 3, 'a read from 100 ms ago is older than the limit')
})

test('an attempt that takes a second has failed, and its late answer counts by its beginning', async (t) => {
  const world = new World(t)
  await world.read(SECOND)
  const waiting = world.refresh.whenStale()
  await world.pass(999)
  t.notOk(await isSettled(waiting))
  t.equal(world.refresh.error, undefined)
  await world.pass(1)
  t.ok(await isSettled(waiting))
  t.match(world.refresh.error, { message: 'The read has taken 1000 ms' })
  t.ok(world.refresh.isUsable(MAX_STALE), 'the state at hand is used')
  t.equal(world.refresh.age(), 2000)

  await world.pass(200)
  await world.reads[1]!.succeed()
  t.strictSame(world.states, ['state 1', 'state 2'])
  t.equal(world.refresh.age(), 1200)
  t.ok(world.refresh.error, 'that ends no outage')
  await world.pass(300)
  t.notOk(world.refresh.isUsable(MAX_STALE))
})

test('a state that an overtaken read brings does not take effect, nor does its failure', async (t) => {
  const world = new World(t)
  for (const end of ['succeed', 'fail'] as const) {
    const slow = world.refresh.renew()
    const slowRead = world.reads.at(-1)!
    await world.pass(100)
    const fast = world.refresh.renew()
    await world.reads.at(-1)!.succeed('new')
    t.equal(await fast, undefined)
    await world.pass(50)
    await (end === 'fail' ? slowRead.fail() : slowRead.succeed('old'))
    t.equal(await slow, undefined)
    t.equal(world.refresh.age(), 50)
    t.equal(world.refresh.error, undefined)
  }
  t.strictSame(world.states, ['new', 'new'])
  t.strictSame(world.overtaken, ['old'])
  t.strictSame(world.outages, [])
})

test('a read that a later attempt has not overtaken takes effect', async (t) => {
  const world = new World(t)
  world.refresh.renew()
  await world.pass(100)
  world.refresh.renew()
  await world.reads[1]!.fail()
  await world.reads[0]!.succeed('first')
  t.strictSame(world.states, ['first'])
  t.equal(world.refresh.age(), 100)
})

test('after a failed attempt the state at hand is used for half a second, and then the next attempt is waited for', async (t) => {
  const world = new World(t)
  await world.read(SECOND)
  const failing = world.refresh.whenStale()
  await world.pass(10)
  await world.reads[1]!.fail()
  t.ok(await isSettled(failing))
  await world.pass(489)
  t.equal(world.refresh.whenStale(), undefined)
  t.ok(world.refresh.isUsable(MAX_STALE))
  t.equal(world.count, 2, 'nothing is read within 500 ms of the beginning of the attempt')

  await world.pass(1)
  t.equal(world.refresh.whenStale(), undefined)
  t.equal(world.count, 3, 'the next is begun in the background')
  await world.reads[2]!.fail()
  t.ok(world.refresh.isUsable(MAX_STALE))

  await world.pass(500)
  t.notOk(world.refresh.isUsable(MAX_STALE))
  const waiting = world.refresh.whenStale()
  t.equal(world.count, 4)
  t.notOk(await isSettled(waiting), 'the attempt from 500 ms ago, which has ended, is not waited for')
  await world.reads[3]!.fail()
  t.ok(await isSettled(waiting))
  t.ok(world.refresh.isUsable(MAX_STALE))
})

test('while a store does not answer, requests wait for half a second at most', async (t) => {
  const world = new World(t)
  await world.read(SECOND)
  world.refresh.whenStale()
  await world.pass(SECOND)
  for (let failure = 1; failure <= 3; failure++) {
    t.equal(world.refresh.whenStale(), undefined)
    t.equal(world.count, 2 + failure, 'the next attempt begins at once')
    await world.pass(499)
    t.equal(world.refresh.whenStale(), undefined)
    await world.pass(1)
    const waiting = world.refresh.whenStale()
    await world.pass(500)
    t.ok(await isSettled(waiting))
    t.ok(world.refresh.isUsable(MAX_STALE))
    t.equal(world.count, 2 + failure)
  }
})

test('a failure some time ago says nothing about the present', async (t) => {
  for (const [wall, monotonic] of [[500, 500], [DAY, DAY], [DAY, 0], [-DAY, 30 * SECOND], [500, 0], [0, 500]] as const) {
    const world = new World(t)
    await world.read(SECOND)
    await world.failAttempt()
    t.ok(world.refresh.hasJustFailed)
    t.ok(world.refresh.isUsable(Infinity))
    world.suspend(wall, monotonic)
    t.notOk(world.refresh.hasJustFailed)
    t.notOk(world.refresh.isUsable(Infinity))
    const waiting = world.refresh.whenStale()
    t.equal(world.count, 3)
    await world.reads[2]!.succeed()
    t.ok(await isSettled(waiting))
    t.ok(world.refresh.isUsable(0))
    t.equal(world.refresh.error, undefined)
  }
})

test('an attempt that the process was suspended in says nothing about the present either', async (t) => {
  for (const [wall, monotonic] of [[60 * SECOND, 60 * SECOND], [60 * SECOND, SECOND], [-DAY, 60 * SECOND]] as const) {
    for (const end of ['time limit', 'error'] as const) {
      const world = new World(t)
      await world.read(SECOND)
      const waiting = world.refresh.whenStale()
      world.suspend(wall, monotonic)
      await (end === 'error' ? world.reads[1]!.fail() : world.resume())
      t.ok(await isSettled(waiting), end)
      t.ok(world.refresh.error)
      t.notOk(world.refresh.isUsable(MAX_STALE))
      t.ok(world.refresh.whenStale())
      t.equal(world.count, 3)
    }
  }
})

test('an attempt that has taken too long and then fails is no news', async (t) => {
  const world = new World(t)
  await world.read(SECOND)
  world.refresh.whenStale()
  await world.pass(SECOND)
  const { error } = world.refresh
  await world.pass(10 * SECOND)
  await world.reads[1]!.fail()
  t.equal(world.refresh.error, error)
  t.notOk(world.refresh.isUsable(MAX_STALE))
})

const USABLE: Array<[title: string, age: number | undefined, hasFailed: boolean, maxStale: number, isUsable: boolean]> = [
  ['no state', undefined, false, MAX_STALE, false],
  ['no state, and an attempt has just failed', undefined, true, MAX_STALE, false],
  ['999 ms', 999, false, 0, true],
  ['a second', SECOND, false, MAX_STALE, false],
  ['999 ms, and an attempt has just failed', 999, true, 0, true],
  ['a second, and an attempt has just failed', SECOND, true, MAX_STALE, true],
  ['a second, and an attempt has just failed, with maxStale 0', SECOND, true, 0, false],
  ['maxStale, and an attempt has just failed', MAX_STALE, true, MAX_STALE, true],
  ['more than maxStale, and an attempt has just failed', MAX_STALE + 1, true, MAX_STALE, false]
]
for (const [title, age, hasFailed, maxStale, isUsable] of USABLE) {
  test(`a state may be used by its age and maxStale: ${title}`, async (t) => {
    const world = new World(t)
    if (age !== undefined) await world.read(age)
    if (hasFailed) await world.failAttempt()
    t.equal(world.refresh.isUsable(maxStale), isUsable)
  })
}

test('without a state that may be used, every request waits for an attempt', async (t) => {
  const world = new World(t)
  await world.failAttempt()
  t.ok(world.refresh.whenStale(), 'there is no state')
  t.equal(world.count, 2)
  await world.reads[1]!.succeed()
  await world.pass(MAX_STALE)
  await world.failAttempt()
  t.equal(world.refresh.whenStale(MAX_STALE), undefined)
  await world.pass(1)
  t.ok(world.refresh.whenStale(MAX_STALE), 'it is older than maxStale')
})

test('a long maximum age: a failure in the background is tried again after retryAfter', async (t) => {
  const world = new World(t, { renewAfter: 480 * SECOND, maxAge: 600 * SECOND, timeLimit: 15 * SECOND, retryAfter: 5 * SECOND })
  await world.read(480 * SECOND)
  t.equal(world.refresh.whenStale(), undefined)
  await world.reads[1]!.fail()
  await world.pass(4999)
  world.refresh.whenStale()
  t.equal(world.count, 2)
  await world.pass(1)
  t.equal(world.refresh.whenStale(), undefined)
  t.equal(world.count, 3)
})

test('a listener is called once per outage, and may throw', async (t) => {
  let calls = 0
  const world = new World(t, { onOutage: () => { calls++; throw new Error('of the listener') } })
  for (let outage = 1; outage <= 2; outage++) {
    for (let attempt = 0; attempt < 3; attempt++) {
      const renewing = world.refresh.renew()
      await world.reads.at(-1)!.fail()
      t.match(await renewing, { message: `failure ${world.count}` })
      t.equal(calls, outage)
      await world.pass(SECOND)
    }
    const waiting = world.refresh.whenStale()
    await world.reads.at(-1)!.succeed()
    t.ok(await isSettled(waiting))
  }
})

test('a read that throws, and a state that cannot be put into effect, are failed attempts', async (t) => {
  const now = () => 1_800_000_000
  const throwing = new BackgroundRefresh(() => { throw new Error('no read') }, { now })
  t.match(await throwing.renew(), { message: 'no read' })
  const broken = new BackgroundRefresh(async () => () => { throw new Error('no state') }, { now })
  t.match(await broken.renew(), { message: 'no state' })
  t.ok(broken.hasJustFailed)
  t.equal(broken.age(), Infinity)
})
