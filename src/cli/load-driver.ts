import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CommandError } from './errors.ts'

/**
 * Loads the first driver that is installed, beside this package or in the project of the current folder. Strict package
 * managers do not let this package resolve the dependencies of the project.
 *
 * @param fix the command that installs one
 * @throws CommandError if none is installed, or the first that is installed does not load
 */
export function loadDriver<T> (names: readonly string[], fix: string): T {
  for (const name of names) {
    for (const from of [import.meta.url, pathToFileURL(resolve('package.json'))]) {
      const driver = load<T>(createRequire(from), name)
      if (driver !== undefined) return driver
    }
  }
  throw new CommandError(`There is no driver for this store. Install one: ${fix}`)
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
