/**
 * The values of a header field, one for each line that it was sent in. From rawHeaders, since Node.js keeps only the first
 * of several in `headers`, and HTTP/2 requests have no `headersDistinct`.
 *
 * @param name in lower case
 */
export function fieldValues (rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i]!
    if (field.length === name.length && field.toLowerCase() === name) values.push(rawHeaders[i + 1]!)
  }
  return values
}
