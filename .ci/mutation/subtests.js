// Loaded before a test file: runs some of its outermost tests only, or lets them wait to be asked for, and notes which mutants
// each of them reaches.
import { writeFileSync } from 'node:fs'
import { TestBase } from '@tapjs/core'

const { only, report, hitLimit, isServed = false } = JSON.parse(process.env.MUTATION_RUN ?? '{}')
// The processes that a test starts have this hook too, and nothing to tell.
delete process.env.MUTATION_RUN

const wanted = only && new Set(only)
const tests = []
/** In a process that serves: the tests that wait to be asked for, by their ids. Each may run any number of times. */
export const waiting = new Map()
const seen = new Map()
const stryker = globalThis.__stryker__ = {}
if (hitLimit !== undefined) Object.assign(stryker, { hitLimit, hitCount: 0 })

// Tests of one title are told apart by their number.
function idOf (title) {
  const count = (seen.get(title) ?? 0) + 1
  seen.set(title, count)
  return count === 1 ? title : `${title} (${count})`
}

const { sub } = TestBase.prototype
TestBase.prototype.sub = function (Class, extra, caller) {
  if (this.parent !== undefined || typeof extra?.cb !== 'function') return sub.call(this, Class, extra, caller)
  const id = idOf(extra.name)
  if (isServed) {
    waiting.set(id, () => sub.call(this, Class, { ...extra }, caller))
    return Object.assign(Promise.resolve(null), { subtest: null })
  }
  if (wanted !== undefined && !wanted.has(id)) return sub.call(this, Class, { ...extra, skip: true }, caller)
  const { cb } = extra
  const test = { id, time: 0, cost: 0 }
  tests.push(test)
  return sub.call(this, Class, {
    ...extra,
    async cb (...args) {
      const [begun, used] = [performance.now(), process.cpuUsage()]
      stryker.currentTestId = id
      try {
        return await cb.apply(this, args)
      } finally {
        const { user, system } = process.cpuUsage(used)
        Object.assign(test, { time: performance.now() - begun, cost: (user + system) / 1000 })
        stryker.currentTestId = undefined
      }
    }
  }, caller)
}

if (report !== undefined) {
  process.on('exit', (code) => {
    writeFileSync(report, JSON.stringify({ code, tests, hitCount: stryker.hitCount, coverage: wanted === undefined ? stryker.mutantCoverage : undefined }))
  })
}
