// What a contender must answer before it is measured: one that lets everybody in, or that issues less, would be fast.
import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { keepAsking } from './connection.js'
import { LIFETIME, SCOPE } from './fixture.js'

/**
 * Asks what a load sends, and what must be refused.
 *
 * @param load `refused` is answered 401, `forbidden` 403, and each of `rejected`, by what is wrong with it, is refused
 * somehow; `overreaching` is refused or gets no scope; `check` gets the body of the good answer. All but `requests` may be
 * left out
 */
export async function probe (port, load) {
  const { requests: [good], refused, rejected = {}, forbidden, overreaching, check } = load
  const answer = await answerOf(port, good)
  if (answer.status !== 200) throw new Error(`a good request was answered ${answer.status}`)
  check?.(JSON.parse(answer.body))
  if (refused !== undefined) await expectAnswer(port, 'a bad request', refused, ({ status }) => status === 401)
  for (const [what, request] of Object.entries(rejected)) await expectAnswer(port, what, request, ({ status }) => status >= 400)
  if (forbidden !== undefined) await expectAnswer(port, 'a token without the scope', forbidden, ({ status }) => status === 403)
  // RFC 6749 §3.3: who does not refuse may leave a scope out.
  if (overreaching !== undefined) await expectAnswer(port, 'a scope that the client may not have', overreaching, ({ status, body }) => status >= 400 || !JSON.parse(body).scope)
}

async function expectAnswer (port, what, request, isExpected) {
  const answer = await answerOf(port, request)
  if (!isExpected(answer)) throw new Error(`${what} was answered ${answer.status}`)
}

async function answerOf (port, request) {
  let answer
  await keepAsking(port, () => answer === undefined ? request : undefined, (status, text) => {
    answer = { status, body: text.slice(text.indexOf('\r\n\r\n') + 4) }
  })
  return answer
}

/** Checks an answer of a token endpoint, and every claim of RFC 9068 in its token. */
export function checkIssued ({ publicKey, issuer, audience }, clientId, { access_token: token, token_type: tokenType, expires_in: expiresIn, scope }) {
  assert.equal(tokenType.toLowerCase(), 'bearer')
  assert.ok(isNear(expiresIn, LIFETIME), 'expires_in')
  assert.equal(scope, SCOPE)

  const [header, payload, signature] = token.split('.')
  const isSigned = verify('sha256', Buffer.from(`${header}.${payload}`), { key: createPublicKey(publicKey), dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))
  assert.ok(isSigned, 'the signature')
  const { alg, typ } = decode(header)
  assert.deepEqual({ alg, typ }, { alg: 'ES256', typ: 'at+jwt' })
  const { iss, aud, sub, client_id: id, scope: granted, jti, iat, exp } = decode(payload)
  assert.deepEqual({ iss, aud, sub, id, granted }, { iss: issuer, aud: audience, sub: clientId, id: clientId, granted: SCOPE })
  assert.ok(typeof jti === 'string' && jti.length >= 16, 'jti')
  assert.ok(isNear(iat, Date.now() / 1000), 'iat')
  assert.ok(isNear(exp - iat, LIFETIME), 'exp')
}

/** Checks an answer of the guarded route. */
export function checkServed (clientId, body) {
  assert.deepEqual(body, { caller: clientId, items: ['milk', 'bread'] })
}

// One second for those who round, one more for the time between.
function isNear (number, expected) {
  return Math.abs(number - expected) <= 2
}

function decode (segment) {
  return JSON.parse(Buffer.from(segment, 'base64url'))
}
