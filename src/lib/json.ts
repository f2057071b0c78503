/** Freezes a JSON value and everything in it. */
export function deepFreeze<T> (value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze)
  return value
}

/** Copies an object without the members that are undefined, as JSON.stringify does. */
export function withoutUndefined (members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

// Header and claims of JWTs have a few levels. Parsing thousands of them costs milliseconds, and more for each library that parses again.
const MAX_DEPTH = 32

/**
 * Parses a JSON object that an unauthenticated caller has sent.
 *
 * @returns undefined for a string that is not a JSON object, or has more than 32 levels
 */
export function parseJsonObject (text: string): Record<string, unknown> | undefined {
  if (isDeeper(text, MAX_DEPTH)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined
  } catch {
    // The message of the parser quotes the text.
    return undefined
  }
}

// Brackets within strings do not nest. The count may be wrong for invalid JSON, which the parser rejects.
function isDeeper (text: string, max: number): boolean {
  let depth = 0
  let isInString = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (isInString) {
      if (character === '\\') at++
      else if (character === '"') isInString = false
    } else if (character === '"') isInString = true
    else if (character === '[' || character === '{') {
      if (++depth > max) return true
    } else if (character === ']' || character === '}') depth--
  }
  return false
}
