/**
 * Returns the value of a header field. Joins the values of a repeated field by ", " (RFC 9110 §5.3). Reads rawHeaders, since Node.js
 * keeps only the first of several Authorization fields in `headers`.
 *
 * @param name in lower case
 */
export function fieldValue (rawHeaders: readonly string[], name: string): string | undefined {
  let value: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i]!
    if (field.length !== name.length || field.toLowerCase() !== name) continue
    value = value === undefined ? rawHeaders[i + 1] : `${value}, ${rawHeaders[i + 1]}`
  }
  return value
}
