// The requests of every load, as bytes.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSigner } from 'fast-jwt'
import { claimsOf } from './servers/hand-written.js'
import { LIFETIME, SCOPE } from './fixture.js'

const FORM = new URLSearchParams({ grant_type: 'client_credentials', scope: SCOPE }).toString()
const COMMON = ['host: localhost', 'connection: keep-alive', 'user-agent: bench', 'accept: application/json', 'accept-encoding: gzip, deflate']

/** Each: which requests it sends in turn, and one that a server must refuse with 401 unless `open`. */
export const LOADS = {
  token: (fixture) => ({ requests: [post(basic(fixture))], refused: post(basic({ ...fixture, clientSecret: 'wrong' })) }),
  'token-open': (fixture) => ({ requests: [post(basic(fixture))] }),
  open: () => ({ requests: [get()] }),
  opaque: ({ opaqueToken }) => ({ requests: [get(opaqueToken)], refused: get('wrong') }),
  jwt: (fixture) => jwtLoad(fixture, 1),
  'jwts-1000': (fixture) => jwtLoad(fixture, 1000),
  'jwts-100000': (fixture) => jwtLoad(fixture, 100_000),
  'kid-jwt': (fixture) => jwtLoad(fixture, 1, fixture.kid),
  'kid-jwts-1000': (fixture) => jwtLoad(fixture, 1000, fixture.kid),
  'kid-jwts-100000': (fixture) => jwtLoad(fixture, 100_000, fixture.kid)
}

/** Token requests of the clients in a file: a line "id:secret" for each. */
export function clientsLoad (file) {
  const requests = readFileSync(file, 'utf8').split('\n').map((line) => post(`Basic ${Buffer.from(line).toString('base64')}`))
  return { requests }
}

function jwtLoad (fixture, count, kid) {
  const sign = createSigner({ key: fixture.privateKey, algorithm: 'ES256', header: { alg: 'ES256', typ: 'at+jwt', ...(kid && { kid }) } })
  const tokens = Array.from({ length: count }, () => sign(claimsOf(fixture, fixture.clientId, SCOPE, LIFETIME, randomUUID())))
  const [header, payload, signature] = tokens[0].split('.')
  return { requests: tokens.map((token) => get(token)), refused: get([header, payload, [...signature].reverse().join('')].join('.')) }
}

function basic ({ clientId, clientSecret }) {
  return `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`
}

function post (authorization) {
  return bytes('POST /oauth2/token HTTP/1.1', [
    ...COMMON,
    `authorization: ${authorization}`,
    'content-type: application/x-www-form-urlencoded',
    `content-length: ${FORM.length}`
  ], FORM)
}

function get (token) {
  return bytes('GET /data HTTP/1.1', token === undefined ? COMMON : [...COMMON, `authorization: Bearer ${token}`], '')
}

function bytes (line, fields, body) {
  return Buffer.from(`${[line, ...fields].join('\r\n')}\r\n\r\n${body}`)
}
