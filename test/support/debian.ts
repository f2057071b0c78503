import { spawnSync } from 'node:child_process'
import { accessSync, constants, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** A program of another project that tests start. */
export interface NeededCommand {
  /** Its names, of which the first that is found is used. */
  names: readonly [string, ...string[]]
  debianPackage: string
  /** Folders to search besides those of PATH. */
  folders? (): readonly string[]
}

/** The programs that the tests in test/ start. */
export const POSTGRES: NeededCommand = { names: ['postgres'], debianPackage: 'postgresql', folders: postgresFolders }
export const REDIS: NeededCommand = { names: ['redis-server', 'valkey-server'], debianPackage: 'redis-server' }
export const CHROMIUM: NeededCommand = { names: ['chromium', 'chromium-browser'], debianPackage: 'chromium' }
export const NGINX: NeededCommand = { names: ['nginx'], debianPackage: 'nginx-light', folders: () => ['/usr/sbin'] }
export const OPENSSL: NeededCommand = { names: ['openssl'], debianPackage: 'openssl' }
export const CURL: NeededCommand = { names: ['curl'], debianPackage: 'curl' }

/** The environment variable that can hold the path of a program. */
export const pathVariable = ({ names: [name] }: NeededCommand) => `${name.toUpperCase().replaceAll('-', '_')}_PATH`

/**
 * Returns the path of a program, after installing its package if the machine has none, apt-get exists and this is root.
 *
 * @throws Error that names the package
 */
export function needCommand (command: NeededCommand): string {
  const found = findCommand(command)
  if (found !== undefined) return found
  if (canInstall()) installPackages([command.debianPackage])
  const installed = findCommand(command)
  if (installed === undefined) throw new Error(`The tests need ${command.names.join(' or ')}. Run: apt-get install -y ${command.debianPackage}`)
  return installed
}

/** Returns the path of a program: that of its environment variable, else the first one found on PATH and in its folders. */
export function findCommand (command: NeededCommand): string | undefined {
  const chosen = process.env[pathVariable(command)]
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...command.folders?.() ?? []]
  const candidates = command.names.flatMap((name) => folders.map((folder) => join(folder, name)))
  return [...(chosen === undefined ? [] : [chosen]), ...candidates].find(isExecutable)
}

export function canInstall (): boolean {
  return process.getuid?.() === 0 && findCommand({ names: ['apt-get'], debianPackage: 'apt' }) !== undefined
}

/** Test files run at the same time, and apt-get does not wait for another instance of itself: the lock does. */
export function installPackages (packages: readonly string[]): void {
  const lock = join(tmpdir(), 'fastify-client-credentials-apt.lock')
  const line = `apt-get update; apt-get install -y --no-install-recommends ${packages.join(' ')}`
  spawnSync('flock', [lock, 'sh', '-c', line], { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
}

// Debian keeps each version of PostgreSQL in a folder of its own, and none in PATH.
function postgresFolders (): string[] {
  const all = '/usr/lib/postgresql'
  try {
    return readdirSync(all).sort((a, b) => Number(b) - Number(a)).map((version) => join(all, version, 'bin'))
  } catch {
    return []
  }
}

function isExecutable (path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
