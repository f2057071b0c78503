/** As much of a document as tells where its paths begin. */
export interface Located {
  servers?: { url: string, variables?: Record<string, { default: string }> }[]
  /** Of Swagger 2.0. */
  basePath?: string
}

/**
 * Writes the path of a route as `@fastify/swagger` does: parameters and wildcards in braces, without their patterns.
 * Not the paths below its servers: see {@link belowServer}.
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

// Of every pattern, the parenthesis that opens it is left.
function withoutPatterns (url: string): string {
  let depth = 0
  return Array.from(url, (char) => {
    if (char === '(') return depth++ === 0 ? char : ''
    if (char === ')' && depth > 0) return --depth === 0 ? '' : ''
    return depth === 0 ? char : ''
  }).join('')
}

/** Writes a path as `@fastify/swagger` does with every route: below the path of the document's server. */
export function belowServer (path: string, { servers = [], basePath = '' }: Located): string {
  const urls = servers.map(({ url, variables }) => url.replace(/\{([^{}]+)\}/g, (_, name) => String(variables?.[name]?.default)))
  for (const url of [...urls, basePath]) {
    const base = (URL.canParse(url) ? new URL(url).pathname : url).replace(/\/$/, '')
    if (base !== '' && path.startsWith(`${base}/`)) return path.slice(base.length)
  }
  return path
}
