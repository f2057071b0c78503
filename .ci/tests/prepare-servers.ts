import { canInstall, CHROMIUM, CURL, findCommand, installPackages, NGINX, OPENSSL, pathVariable, POSTGRES, REDIS } from '../../test/support/debian.ts'

const COMMANDS = [POSTGRES, REDIS, CHROMIUM, NGINX, OPENSSL, CURL]

/**
 * Looks for the servers and the browser that the tests start. As root on Debian, installs what is missing, and says so first.
 *
 * @throws Error that names the packages, before the first test
 */
export function prepareServers (): void {
  const missing = findMissing()
  if (missing.length === 0) return
  const packages = missing.map(({ debianPackage }) => debianPackage)
  if (canInstall()) {
    console.log(`Running as root: apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}\nThis takes one or two minutes, once.`)
    installPackages(packages)
  }
  const stillMissing = findMissing()
  if (stillMissing.length === 0) return
  const lines = stillMissing.map((command) => `  ${command.names.join(' or ')}: Debian's package ${command.debianPackage}, or set ${pathVariable(command)} to its path`)
  throw new Error(`The tests start programs that this machine does not have. Install them:\n${lines.join('\n')}`)
}

const findMissing = () => COMMANDS.filter((command) => findCommand(command) === undefined)
