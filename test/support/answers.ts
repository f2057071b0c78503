// What must hold for every answer of a server, whatever the request was.
import assert from 'node:assert/strict'
import { parseChallenges } from './challenges.ts'
import type { Answer } from './demo.ts'
import { MARKER } from './mutations.ts'

// RFC 6749 §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 7591 §3.2.2, RFC 8707 §2, RFC 9449 §5 and §7.1, and those that no RFC has.
const CODES: Readonly<Record<string, readonly number[]>> = {
  invalid_request: [400, 405, 413, 415],
  invalid_client: [401],
  unsupported_grant_type: [400],
  unauthorized_client: [400],
  invalid_scope: [400],
  invalid_target: [400],
  invalid_dpop_proof: [400, 401],
  unauthorized: [401],
  invalid_token: [401],
  insufficient_scope: [403],
  invalid_client_metadata: [400],
  not_found: [404],
  conflict: [409]
}
const DESCRIPTION = /^[\x20\x21\x23-\x5B\x5D-\x7E]{1,300}$/

/** What Fastify and the HTTP server say of what is no request to any route: of a path that is not there, or no HTTP at all. */
export function isOfHttp ({ statusCode, body }: Answer): boolean {
  return [400, 404, 405, 413, 414, 415, 431, 501].includes(statusCode) && (body === '' || ['Not Found', 'Bad Request', 'Payload Too Large', 'URI Too Long', 'Unsupported Media Type', 'Request Header Fields Too Large', 'Method Not Allowed'].includes(String(JSON.parse(body).error)))
}

/** Checks an answer of the server's own routes. @returns its error code; undefined for a success */
export function checkAnswer (answer: Answer, { method, isEndpoint }: { method: string, isEndpoint: boolean }): string | undefined {
  const { statusCode, headers, body } = answer
  assert.ok(statusCode < 500, `${statusCode}: ${body}`)
  for (const [name, value] of Object.entries(headers)) if (name !== 'location') assert.ok(!String(value).includes(MARKER), `${name} reflects`)
  const challenges = headers['www-authenticate'] === undefined ? [] : parseChallenges(String(headers['www-authenticate']))
  assert.equal(new Set(challenges.map(({ scheme }) => scheme)).size, challenges.length)
  if (isEndpoint && statusCode !== 404) assert.deepEqual([headers['cache-control'], headers['pragma']], ['no-store', 'no-cache'])
  if (statusCode < 400) {
    assert.deepEqual(challenges, [])
    return undefined
  }
  if (isOfHttp(answer)) return 'none of ours'
  assert.equal(headers['content-type'], 'application/json; charset=utf-8')
  // A 401 must have a challenge (RFC 9110 §15.5.2), but for a script in a page.
  if (statusCode !== 401 && statusCode !== 403 && isEndpoint) assert.deepEqual(challenges, [])
  if (method === 'HEAD') return 'none of ours'
  const { error, error_description: description, ...rest } = JSON.parse(body)
  assert.deepEqual(rest, {})
  assert.ok(CODES[error]?.includes(statusCode), `${error} with ${statusCode}`)
  assert.match(description, DESCRIPTION)
  for (const { parameters } of challenges) if (parameters['error'] !== undefined) assert.deepEqual([parameters['error'], parameters['error_description'] ?? description], [error, description])
  return error
}
