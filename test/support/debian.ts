import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * The path of the first of these commands that the machine has. Where it has none, and this is Debian and we are root,
 * the package is installed. Never undefined: a test that needs a command fails with the line that installs it.
 */
export function needCommand (names: readonly string[], debianPackage: string): string {
  const found = findCommand(names)
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && findCommand(['apt-get']) !== undefined) {
    const options = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
    execFileSync('apt-get', ['update'], options)
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', debianPackage], options)
  }
  const installed = findCommand(names)
  if (installed === undefined) throw new Error(`The tests need ${names.join(' or ')}. Run: apt-get install -y ${debianPackage}`)
  return installed
}

function findCommand (names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
