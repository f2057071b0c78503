// RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
const SCOPE_TOKEN = /^[\x21\x23-\x5B\x5D-\x7E]+$/
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*$/

/** Scope name to all other scopes that it implies. */
export type ImpliedScopes = ReadonlyMap<string, ReadonlySet<string>>

/** Returns whether a value is one scope-token of RFC 6749 §3.3. */
export function isScopeToken (value: unknown): value is string {
  return typeof value === 'string' && SCOPE_TOKEN.test(value)
}

/** Returns whether a string is a scope by the grammar of RFC 6749 §3.3: scope-tokens separated by exactly one space. */
export function isScope (text: string): boolean {
  return SCOPE.test(text)
}

/** Splits the scope of a verified token at spaces. Ignores repeated, leading and trailing spaces. */
export function splitScope (text: string): string[] {
  return text.split(' ').filter((token) => token !== '')
}
