const PARAMETER_NAME = /(?:^\?|&)([^=&#]*)/g

/**
 * Tells whether the query of a URL has a parameter of one of these names, however the name is written: parsers decode
 * it, and so does this.
 */
export function hasQueryParameter (url: string, names: ReadonlySet<string>): boolean {
  const start = url.indexOf('?')
  if (start === -1) return false
  // In the path, "&" separates nothing.
  for (const [, name = ''] of url.slice(start).matchAll(PARAMETER_NAME)) {
    if (names.has(plainParameterName(name))) return true
  }
  return false
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
