const PARAMETER_NAME = /(?:^[?#;]|&)([^=&#]*)/g

/**
 * Tells whether the query of a URL has a parameter of one of these names, however the name is written: parsers decode
 * it, and so does this.
 */
export function hasQueryParameter (url: string, names: ReadonlySet<string>): boolean {
  // Most queries have neither, and to read one of 16 kB takes a millisecond.
  if (!isSuspect(url, names)) return false
  for (const start of queryStarts(url)) {
    for (const [, name = ''] of url.slice(start).matchAll(PARAMETER_NAME)) {
      if (names.has(plainParameterName(name))) return true
    }
  }
  return false
}

function isSuspect (url: string, names: ReadonlySet<string>): boolean {
  if (url.includes('%')) return true
  const text = url.toLowerCase()
  for (const name of names) if (text.includes(name)) return true
  return false
}

/**
 * Where the query of a URL may begin, the last place first: at its first "?"; at a "#" before that, which Fastify takes for
 * the same; and at a ";" before both, as in an application that sets Fastify's useSemicolonDelimiter.
 */
export function queryStarts (url: string): number[] {
  const starts: number[] = []
  for (const sign of ['?', '#', ';']) {
    const at = url.indexOf(sign)
    if (at !== -1 && at < (starts.at(-1) ?? Infinity)) starts.push(at)
  }
  return starts
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
