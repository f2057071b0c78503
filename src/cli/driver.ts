import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CommandError } from './failure.ts'

/**
 * Loads the first of some database drivers that is there: beside this package, or in the project of the current folder,
 * since a strict package manager hides a project's packages from each other.
 *
 * @param mend the command that installs one
 * @throws CommandError when there is none, or the first that is installed does not load
 */
export function loadDriver<T> (names: readonly string[], mend: string): T {
  for (const name of names) {
    for (const from of [import.meta.url, pathToFileURL(resolve('package.json'))]) {
      const driver = load<T>(createRequire(from), name)
      if (driver !== undefined) return driver
    }
  }
  throw new CommandError(`There is no driver for this store. Install one: ${mend}`)
}

function load<T> (require: NodeJS.Require, name: string): T | undefined {
  try {
    require.resolve(name)
  } catch {
    return undefined
  }
  try {
    return require(name) as T
  } catch (error) {
    throw new CommandError(`The driver ${name} is installed, but does not load. Install it again: npm install ${name}`, { cause: error })
  }
}
