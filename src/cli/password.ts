import type { Io } from './io.ts'

const IN_FRONT_OF_HOST = /postgres(?:ql)?:\/\/[^:@/\s]*:(.*)@/
const IN_QUERY = /[?&]password=([^&\s]*)/

/** Takes the passwords of the command's own store URLs out of a text, whatever a driver has made of them. */
export function hidePasswords (text: string, { argv, env }: Pick<Io, 'argv' | 'env'>): string {
  const urls = [...argv, env.OAUTH_STORE ?? '']
  const passwords = urls.flatMap((url) => [IN_FRONT_OF_HOST, IN_QUERY].flatMap((pattern) => formsOf(pattern.exec(url)?.[1])))
  // The longest first: one may hold another.
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
