// Loads a test file, and runs its tests as they are asked for, each for one mutant.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TestBase } from '@tapjs/core'
import { waiting } from './subtests.js'

const { end } = TestBase.prototype
// The file has ended when nobody asks for its tests any more.
TestBase.prototype.end = function (...args) {
  return this.parent === undefined ? this : end.apply(this, args)
}
setInterval(() => {}, 1 << 30)

const loading = import(pathToFileURL(resolve(process.argv[2])))
process.on('disconnect', () => process.exit())
loading.then(() => process.send({ isReady: true }))
process.on('message', async ({ test, mutant, hitLimit, isAtLoad = false }) => {
  if (test === undefined) return
  activate(mutant, hitLimit)
  const isKilled = !await passes(test)
  const { hitCount } = globalThis.__stryker__
  activate(undefined, undefined)
  // A test that fails from now on without the mutant was broken by what the mutant left behind: its word is worth nothing.
  process.send({ isKilled, hitCount, isSound: !isKilled || isAtLoad || await passes(test) })
})

// For the processes that a test starts, too.
function activate (mutant, hitLimit) {
  Object.assign(globalThis.__stryker__, { activeMutant: mutant, hitLimit, hitCount: hitLimit === undefined ? undefined : 0 })
  if (mutant === undefined) delete process.env.__STRYKER_ACTIVE_MUTANT__
  else process.env.__STRYKER_ACTIVE_MUTANT__ = mutant
}

async function passes (test) {
  const results = await waiting.get(test)?.()
  return results?.ok === true
}
