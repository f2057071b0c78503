// Processes that have loaded a test file, and run its tests for one mutant after the other: to load it takes longer than most tests.
import { killGroup, startFile } from './file-run.js'

// Of each runner.
const MAX_PROCESSES = 12
// Milliseconds that a busy machine may take to load a file.
const LOAD_LIMIT = 60_000
// Tests, since what tap remembers of each of them is never forgotten.
const MAX_RUNS = 2000

const LASTING = { TAP_TIMEOUT: '1000000' }
const STREAMS = ['ignore', 'ignore', 'ignore', 'ipc']

export class TestServers {
  // The one that was used longest ago is the first.
  #servers = new Map()
  #alone = new Map()

  /**
   * @param limit milliseconds
   * @returns isSound is false when a fresh process must tell whether the mutant is killed
   */
  async run (file, request, limit) {
    const server = this.#serverOf(file)
    const answer = await server.ready ?? await ask(server.child, request, limit)
    if (answer.isLate || !answer.isSound || ++server.runs > MAX_RUNS) this.#end(file)
    return answer
  }

  /** Tells whether a test passes by itself, without a mutant. */
  async passesAlone (file, test, limit) {
    const key = `${file} > ${test}`
    if (!this.#alone.has(key)) {
      const { isKilled = true } = await this.run(file, { test }, limit)
      this.#alone.set(key, !isKilled)
    }
    return this.#alone.get(key)
  }

  close () {
    for (const file of [...this.#servers.keys()]) this.#end(file)
  }

  #serverOf (file) {
    const server = this.#servers.get(file) ?? { ...start(file, { isServed: true }, LASTING), runs: 0 }
    this.#servers.delete(file)
    this.#servers.set(file, server)
    if (this.#servers.size > MAX_PROCESSES) this.#end(this.#servers.keys().next().value)
    return server
  }

  #end (file) {
    killGroup(this.#servers.get(file).child)
    this.#servers.delete(file)
  }
}

/**
 * Runs tests of a file in a process that has loaded it with the mutant, until one fails.
 *
 * @param grace milliseconds beyond five times what a test took without a mutant
 * @returns the test that failed, or took too long; nothing when all pass
 */
export async function runAtLoad (file, tests, { mutant, hitLimit }, grace) {
  const { child, ready } = start(file, { isServed: true, hitLimit }, { ...LASTING, __STRYKER_ACTIVE_MUTANT__: mutant })
  try {
    for (const { test, time } of tests) {
      const answer = await ready ?? await ask(child, { test, mutant, hitLimit, isAtLoad: true }, time * 5 + grace)
      // A file that cannot be loaded with it ends the process.
      if (answer.isLate || answer.isKilled || !answer.isSound) return { ...answer, test, time }
    }
    return {}
  } finally {
    killGroup(child)
  }
}

// `ready` resolves to nothing when the file is loaded, else to what stands in the place of an answer.
function start (file, run, env) {
  const child = startFile(file, run, env, STREAMS)
  return { child, ready: told(child, 'isReady', LOAD_LIMIT).then((answer) => answer.isReady ? undefined : answer) }
}

function ask (child, request, limit) {
  const answer = told(child, 'isSound', limit)
  child.send(request, () => {})
  return answer
}

// The next message with this member. Without one, isLate, or isSound false when the process has ended.
function told (child, member, limit) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle({ isLate: true }), limit)
    const onMessage = (message) => { if (member in message) settle(message) }
    const onExit = () => settle({ isSound: false })
    const settle = (result) => {
      clearTimeout(timer)
      child.off('message', onMessage).off('exit', onExit)
      resolve(result)
    }
    if (child.exitCode !== null || child.signalCode !== null) return settle({ isSound: false })
    child.on('message', onMessage).once('exit', onExit)
  })
}
