const NOWHERE: readonly number[] = Object.freeze([])
const BEGIN = /[?#]/
const PARAMETER_NAME = /(?:^[?#;]|&)([^=&#]*)/g

/**
 * Tells whether the query of a URL has a parameter of one of these names, however the name is written: parsers decode
 * it, and so does this.
 */
export function hasQueryParameter (url: string, names: ReadonlySet<string>): boolean {
  return queryStarts(url).some((start) => {
    for (const [, name = ''] of url.slice(start).matchAll(PARAMETER_NAME)) {
      if (names.has(plainParameterName(name))) return true
    }
    return false
  })
}

/**
 * Where the query of a URL may begin, the last place first: at its first "?" or "#", which Fastify takes for the same, and
 * at a ";" before that, as in an application that sets Fastify's useSemicolonDelimiter.
 */
export function queryStarts (url: string): readonly number[] {
  const mark = url.search(BEGIN)
  const semicolon = url.indexOf(';')
  if (semicolon === -1 || (mark !== -1 && mark < semicolon)) return mark === -1 ? NOWHERE : [mark]
  return mark === -1 ? [semicolon] : [mark, semicolon]
}

/** A parameter's name as a parser reads it: decoded, and without the brackets of a list; in lower case, to be compared. */
export function plainParameterName (name: string): string {
  return decode(name).replace(/\[.*$/s, '').toLowerCase()
}

// Parsers leave what cannot be decoded as it is.
function decode (name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
