// Child processes that are asked and answer, each kept to one core where taskset is there.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/** Whether server and load generator each have a core of their own. */
export const pinned = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0,1', 'true']).status === 0

/** Starts a script of this folder. */
export function start (script, args, core, env) {
  const node = [process.execPath, ...process.execArgv, fileURLToPath(new URL(script, import.meta.url)), ...args]
  const [command, ...rest] = pinned ? ['taskset', '-c', String(core), ...node] : node
  const child = spawn(command, rest, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const waiting = new Map()
  let last = 0

  child.on('message', ({ id, result, error }) => {
    const { resolve, reject } = waiting.get(id) ?? {}
    waiting.delete(id)
    if (error === undefined) resolve?.(result)
    else reject?.(new Error(error))
  })
  const ended = once(child, 'exit')
  child.once('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`${[script, ...args].join(' ')} ended with ${code}`))
  })

  return {
    child,
    ask: (question = {}) => new Promise((resolve, reject) => {
      if (!child.connected) return reject(new Error(`${[script, ...args].join(' ')} has ended`))
      const id = ++last
      waiting.set(id, { resolve, reject })
      child.send({ id, ...question })
    }),
    /** @returns a promise of its end */
    stop: () => {
      if (child.connected) child.disconnect()
      return ended
    }
  }
}

/** Starts a contender and waits until it listens. */
export async function startServer ({ file, server }, env, cores = 1) {
  const process = start('server.js', [file, server], cores === 1 ? '0' : '0,1', env)
  const [{ port }] = await Promise.race([
    once(process.child, 'message'),
    once(process.child, 'exit').then(([code]) => { throw new Error(`${file} ${server} ended with ${code}`) })
  ])
  return { ...process, port }
}
