/** A challenge of a WWW-Authenticate field. */
export interface Challenge {
  scheme: string
  parameters: Record<string, string>
}

// RFC 9110 §5.6.2, §5.6.4, §11.6.1, character by character as the grammar has it.
const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const QUOTED = /"((?:[\t \x21\x23-\x5B\x5D-\x7E\x80-\xFF]|\\[\t \x21-\x7E\x80-\xFF])*)"/y

/**
 * Parses a WWW-Authenticate field, or several that were joined. For tests: it shares nothing with what writes them.
 *
 * @throws SyntaxError for what is none, and for a parameter that is there twice
 */
export function parseChallenges (field: string): Challenge[] {
  let position = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = position
    const found = pattern.exec(field)
    if (found === null) return undefined
    position = pattern.lastIndex
    return found[1] ?? found[0]
  }
  const need = (pattern: RegExp): string => {
    const text = take(pattern)
    if (text === undefined) throw new SyntaxError(`No challenge at ${position} of ${JSON.stringify(field)}`)
    return text
  }
  const challenges: Challenge[] = []
  while (position < field.length) {
    if (challenges.length > 0) need(/ *, */y)
    const name = need(TOKEN)
    const last = challenges.at(-1)
    if (last !== undefined && field[position] === '=') {
      addTo(last, name)
      continue
    }
    challenges.push({ scheme: name, parameters: {} })
    if (take(/ +/y) === undefined) continue
    addTo(challenges.at(-1)!, need(TOKEN))
  }
  return challenges

  function addTo ({ parameters }: Challenge, name: string): void {
    need(/=/y)
    if (Object.hasOwn(parameters, name.toLowerCase())) throw new SyntaxError(`${name} is there twice in ${JSON.stringify(field)}`)
    parameters[name.toLowerCase()] = field[position] === '"' ? need(QUOTED).replaceAll(/\\(.)/gs, '$1') : need(TOKEN)
  }
}
