// A test runner for Stryker. Of tap's test files, compiled in the sandbox, it runs for each mutant the outermost tests that
// reach it and no others, until one fails: those that killed its neighbours first, then the most telling files.
import { readFileSync, writeFileSync } from 'node:fs'
import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin'
import { rank, sharedWords } from './affinity.js'
import { removeFolder, runFile } from './file-run.js'
import { runAtLoad, TestServers } from './test-servers.js'

const COVERAGE = 'mutation-coverage.json'
// Milliseconds that a test may take beyond five times what it took without a mutant.
const GRACE = 5000
// So many times the budget is for a mutant that is reached while files are loaded.
const FILES = 4

// Of so many mutants one, spread over all files, for a look at the score: Stryker leaves the others out of it, as errors.
const SAMPLE = Number(process.env.SAMPLE ?? 1)
const isInSample = (id) => (Number(id) * 2_654_435_761) % 2 ** 32 % SAMPLE < 1

class SubtestRunner {
  static inject = tokens(commonTokens.options)
  #files
  #budget
  #covered
  #servers = new TestServers()
  // How many mutants of each source file a test has killed.
  #kills = new Map()

  constructor ({ subtests: { files, budget } }) {
    this.#files = files
    this.#budget = budget
  }

  capabilities () {
    return { reloadEnvironment: true }
  }

  async dryRun () {
    const covered = {}
    const tests = []
    const perTest = {}
    for (const file of this.#files) {
      let ran
      // What waits for others is slow to start on a busy machine.
      for (let tries = 0; tries < 3 && ran?.code !== 0; tries++) ran = await runFile(file, {}, 300_000)
      if (ran.code !== 0) return { status: 'complete', tests: [{ id: file, name: file, status: 1, timeSpentMs: 0, failureMessage: `${file} fails without a mutant: ${ran.output}` }] }
      const { static: atLoad = {}, perTest: atRun = {} } = ran.coverage ?? {}
      covered[file] = { atLoad: Object.keys(atLoad), tests: Object.fromEntries(ran.tests.map(({ id, time, cost }) => [id, { time, cost, reached: Object.keys(atRun[id] ?? {}) }])) }
      for (const { id, time } of ran.tests) {
        const test = `${file} > ${id}`
        tests.push({ id: test, name: test, fileName: file.replace(/js$/, 'ts'), status: 0, timeSpentMs: time })
        // What runs while the file is loaded is behind each of its tests.
        perTest[test] = { ...atLoad, ...atRun[id] }
      }
    }
    writeFileSync(COVERAGE, JSON.stringify(covered))
    return { status: 'complete', tests, mutantCoverage: { static: {}, perTest } }
  }

  async mutantRun ({ activeMutant, sandboxFileName, hitLimit }) {
    if (!isInSample(activeMutant.id)) return { status: 'error', errorMessage: 'Not in the sample' }
    const covered = this.#covered ??= JSON.parse(readFileSync(COVERAGE, 'utf8'))
    const order = orderOf(covered, activeMutant.id, sandboxFileName)
    return await this.#runTests(covered, order, activeMutant, hitLimit) ?? await this.#runFiles(covered, order, activeMutant, hitLimit)
  }

  async dispose () {
    this.#servers.close()
    removeFolder()
  }

  // The tests that reach it while they run.
  async #runTests (covered, order, { id: mutant, fileName }, hitLimit) {
    const kills = this.#kills.get(fileName) ?? new Map()
    this.#kills.set(fileName, kills)
    const reaching = order.flatMap((file, rank) => Object.entries(covered[file].tests)
      .filter(([, { reached }]) => reached.includes(mutant))
      .map(([test, { time, cost }]) => {
        const key = `${file} > ${test}`
        return { file, test, time, cost, key, hope: hopeOf(kills.get(key) ?? 0, sharedWords(fileName, file), rank, cost) }
      }))
    reaching.sort((a, b) => b.hope - a.hope)
    let spent = 0
    let count = 0
    for (const { file, test, time, cost, key } of reaching) {
      if (spent > this.#budget) break
      spent += cost
      count++
      const limit = time * 5 + GRACE
      let ran = await this.#servers.run(file, { test, mutant, hitLimit }, limit)
      if (!ran.isLate && !ran.isSound) {
        const alone = await runFile(file, { only: [test], hitLimit, mutant }, limit + GRACE)
        ran = { ...alone, isKilled: alone.code !== 0 }
      }
      if (ran.hitCount > hitLimit) return { status: 'timeout' }
      if (ran.isLate) {
        // A machine that is too busy now says nothing of the mutant.
        const { isLate = false } = await this.#servers.run(file, { test }, limit)
        if (!isLate) return { status: 'timeout' }
      }
      if (!ran.isKilled) continue
      kills.set(key, (kills.get(key) ?? 0) + 1)
      return { status: 'killed', killedBy: [key], failureMessage: key, nrOfTests: count }
    }
    return undefined
  }

  // All tests of the files that reach it while they are loaded.
  async #runFiles (covered, order, { id: mutant, fileName }, hitLimit) {
    const kills = this.#kills.get(fileName)
    const killsOf = ({ key }) => kills.get(key) ?? 0
    const reaching = order.filter((name) => covered[name].atLoad.includes(mutant)).map((file, rank) => {
      const tests = Object.entries(covered[file].tests).map(([test, more]) => ({ ...more, test, key: `${file} > ${test}` }))
        .sort((a, b) => killsOf(b) - killsOf(a) || a.cost - b.cost)
      const cost = tests.reduce((sum, test) => sum + test.cost, 0)
      return { file, tests, cost, hope: hopeOf(tests.reduce((sum, test) => sum + killsOf(test), 0), sharedWords(fileName, file), rank, cost) }
    })
    reaching.sort((a, b) => b.hope - a.hope)
    let spent = 0
    let count = 0
    for (const { file, tests, cost } of reaching) {
      // It takes whole files.
      if (spent > this.#budget * FILES) break
      spent += cost
      count += tests.length
      const ran = await runAtLoad(file, tests, { mutant, hitLimit }, GRACE)
      // One that does not pass by itself either, without the tests that stand before it, tells nothing.
      if (ran.test === undefined || !await this.#servers.passesAlone(file, ran.test, ran.time * 5 + GRACE)) continue
      if (ran.isLate || ran.hitCount > hitLimit) return { status: 'timeout' }
      const key = `${file} > ${ran.test}`
      kills.set(key, (kills.get(key) ?? 0) + 1)
      return { status: 'killed', killedBy: [key], failureMessage: key, nrOfTests: count }
    }
    return { status: 'survived', nrOfTests: count }
  }
}

// Kills to be hoped for, in a millisecond: those of neighbours, one for each word of the name, and a little for what is about
// the file.
function hopeOf (kills, words, rank, cost) {
  return (kills + words + 1 / (rank + 2)) / (cost + 20)
}

// The test files, the most telling ones of a source file first.
function orderOf (covered, id, sandboxFileName) {
  const ids = [...new Set(readFileSync(sandboxFileName, 'utf8').matchAll(/stryMutAct_9fa48\("(\d+)"\)/g).map(([, found]) => found))]
  return rank(ids, new Map(Object.entries(covered).map(([file, { tests }]) => [file, new Set(Object.values(tests).flatMap(({ reached }) => reached))])))
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'subtests', SubtestRunner)]
