import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/**
 * The path of the first of these commands that the machine has. Where it has none, and this is Debian and we are root,
 * the package is installed. Never undefined: a test that needs a command fails with the line that installs it.
 *
 * @param moreFolders where to look besides PATH
 */
export function needCommand (names: readonly string[], debianPackage: string, moreFolders: () => readonly string[] = () => []): string {
  const find = () => findCommand(names, [...pathFolders(), ...moreFolders()])
  const found = find()
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && findCommand(['apt-get'], pathFolders()) !== undefined) install(debianPackage)
  const installed = find()
  if (installed === undefined) throw new Error(`The tests need ${names.join(' or ')}. Run: apt-get install -y ${debianPackage}`)
  return installed
}

// Test files run at the same time, and apt-get does not wait for another of itself: the lock does.
function install (debianPackage: string): void {
  const lock = join(tmpdir(), 'fastify-client-credentials-apt.lock')
  const line = `apt-get update; apt-get install -y --no-install-recommends ${debianPackage}`
  spawnSync('flock', [lock, 'sh', '-c', line], { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
}

function pathFolders (): string[] {
  return (process.env.PATH ?? '').split(delimiter)
}

function findCommand (names: readonly string[], folders: readonly string[]): string | undefined {
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
