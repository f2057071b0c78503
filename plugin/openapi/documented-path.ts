/** The members of a document that define the base of its paths. */
export interface Located {
  servers?: { url: string, variables?: Record<string, { default: string }> }[]
  /** The base path of a Swagger 2.0 document. */
  basePath?: string
}

/**
 * Converts the path of a route as `@fastify/swagger` does: parameters and wildcards in braces, without their patterns.
 * Does NOT remove the path of a server: see {@link belowServer}.
 */
export function toDocumentedPath (url: string): string {
  let unnamed = 0
  const nameOf = (name: string | undefined) => name === undefined || name === '' ? `regexp${++unnamed}` : name
  return withoutPatterns(url).replace(/::|:(\w*)(\W?)|\(|\*/g, (found, name?: string, end?: string) => {
    if (found === '::') return ':'
    if (found === '*') return '{*}'
    if (found === '(' || end === '(') return `{${nameOf(name)}}`
    return end === '' && name === '' ? '' : `{${name}}${end}`
  })
}

// Removes each pattern, except for its opening parenthesis.
function withoutPatterns (url: string): string {
  let depth = 0
  return Array.from(url, (char) => {
    if (char === '(') return depth++ === 0 ? char : ''
    if (char === ')' && depth > 0) return --depth === 0 ? '' : ''
    return depth === 0 ? char : ''
  }).join('')
}

/** Converts a path to one relative to the document's server, as `@fastify/swagger` does for every route. */
export function belowServer (path: string, { servers = [], basePath = '' }: Located): string {
  const urls = servers.map(({ url, variables }) => url.replace(/\{([^{}]+)\}/g, (_, name) => String(variables?.[name]?.default)))
  for (const url of [...urls, basePath]) {
    const base = (URL.canParse(url) ? new URL(url).pathname : url).replace(/\/$/, '')
    if (base !== '' && path.startsWith(`${base}/`)) return path.slice(base.length)
  }
  return path
}
