import type { Io } from './io.ts'
import { splitLocations } from './revocation-stores.ts'

const IN_FRONT_OF_HOST = /(?:postgres(?:ql)?|rediss?):\/\/[^:@/\s]*:(.*)@/
const IN_QUERY = /[?&]password=([^&\s]*)/

/** Replaces the passwords of the store URLs of a command in a text, in every encoding in which a driver may print them. */
export function hidePasswords (text: string, { argv, env }: Pick<Io, 'argv' | 'env'>): string {
  const urls = [...argv, env.OAUTH_STORE ?? '', env.OAUTH_REVOCATIONS ?? ''].flatMap(splitLocations)
  const passwords = urls.flatMap((url) => [IN_FRONT_OF_HOST, IN_QUERY].flatMap((pattern) => formsOf(pattern.exec(url)?.[1])))
  // The longest first, since one may contain another.
  return passwords.sort((a, b) => b.length - a.length).reduce((hidden, password) => hidden.replaceAll(password, '***'), text)
}

function formsOf (password = ''): string[] {
  if (password === '') return []
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password]
  }
}
