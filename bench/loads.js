// The requests of every load, as bytes.
import { createHash, createPrivateKey, createPublicKey, randomUUID, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSigner } from 'fast-jwt'
import { claimsOf } from './servers/hand-written.js'
import { ASSERTION_TYPE, clientsOf, LIFETIME, ORIGIN, SCOPE } from './fixture.js'
import { checkIssued, checkServed } from './probe.js'

const formOf = (scope) => new URLSearchParams({ grant_type: 'client_credentials', scope }).toString()
const FORM = formOf(SCOPE)
const COMMON = ['host: localhost', 'connection: keep-alive', 'user-agent: bench', 'accept: application/json', 'accept-encoding: gzip, deflate']

const COUNTS = [1, 1000, 100_000]

/** Each: which requests it sends in turn, and what the probe asks besides. */
export const LOADS = {
  token: (fixture) => ({ requests: [post(basic(fixture))], refused: post(basic({ ...fixture, clientSecret: 'wrong' })) }),
  'tokens-1000': (fixture) => {
    const [first, ...others] = clientsOf(fixture).map(({ id, secret }) => ({ clientId: id, clientSecret: secret }))
    return {
      requests: [first, ...others].map((client) => post(basic(client))),
      refused: post(basic({ ...first, clientSecret: 'wrong' })),
      rejected: {
        'the secret of another': post(basic({ ...first, clientSecret: others[0].clientSecret })),
        'an unknown client': post(basic({ ...first, clientId: 'nobody' }))
      },
      overreaching: post(basic(first), formOf('data:delete')),
      check: (body) => checkIssued(fixture, first.clientId, body)
    }
  },
  'token-open': (fixture) => ({ requests: [post(basic(fixture))] }),
  open: () => ({ requests: [get()] }),
  opaque: ({ opaqueToken }) => ({ requests: [get(opaqueToken)], refused: get('wrong') }),
  ...Object.fromEntries(COUNTS.flatMap((count) => [
    [`jwts-${count}`, (fixture) => jwtLoad(fixture, count)],
    [`kid-jwts-${count}`, (fixture) => jwtLoad(fixture, count, { kid: fixture.kid })],
    [`ed-jwts-${count}`, ({ edPrivateKey, edKid, ...fixture }) => jwtLoad({ ...fixture, privateKey: edPrivateKey }, count, { kid: edKid, alg: 'EdDSA' })]
  ])),
  // Each is good once, so that every contender has its own.
  'dpop-hand': dpopLoad,
  'dpop-ours': dpopLoad,
  'assertions-hand': assertionLoad,
  'assertions-ours': assertionLoad
}

/** Token requests of the clients in a file: a line "id:secret" for each. */
export function clientsLoad (file) {
  const requests = readFileSync(file, 'utf8').split('\n').map((line) => post(`Basic ${Buffer.from(line).toString('base64')}`))
  return { requests }
}

function jwtLoad (fixture, count, { kid, alg = 'ES256' } = {}) {
  const signerOf = (typ) => createSigner({ key: fixture.privateKey, algorithm: alg, header: { alg, typ, ...(kid && { kid }) } })
  const claims = (changes) => ({ ...claimsOf(fixture, fixture.clientId, SCOPE), ...changes })
  const signToken = signerOf('at+jwt')
  const tokens = Array.from({ length: count }, () => signToken(claims()))
  const [header, payload, signature] = tokens[0].split('.')
  return {
    requests: tokens.map((token) => get(token)),
    refused: get([header, payload, [...signature].reverse().join('')].join('.')),
    rejected: {
      'a token of another issuer': get(signToken(claims({ iss: 'https://other.example' }))),
      'a token for another audience': get(signToken(claims({ aud: 'https://other.example' }))),
      'a token that has expired': get(signToken(claims({ exp: Math.floor(Date.now() / 1000) - 60 }))),
      'a JWT that is no access token': get(signerOf('JWT')(claims()))
    },
    forbidden: get(signToken(claims({ scope: 'data:write' }))),
    check: (body) => checkServed(fixture.clientId, body)
  }
}

// As many as a contender can take in a run of some twenty seconds.
const ONCE = 150_000

function dpopLoad ({ privateKey, publicKey, opaqueToken }) {
  const { crv, kty, x, y } = createPublicKey(publicKey).export({ format: 'jwk' })
  const sign = jwsSigner(privateKey, { typ: 'dpop+jwt', alg: 'ES256', jwk: { crv, kty, x, y } })
  const ath = createHash('sha256').update(opaqueToken).digest('base64url')
  const iat = Math.floor(Date.now() / 1000)
  const proof = () => sign({ htm: 'GET', htu: `${ORIGIN}/data`, iat, jti: randomUUID(), ath })
  const requestWith = (token) => bytes('GET /data HTTP/1.1', [...COMMON, `authorization: DPoP ${token}`, `dpop: ${proof()}`], '')
  return { requests: Array.from({ length: ONCE }, () => requestWith(opaqueToken)), refused: requestWith('wrong') }
}

function assertionLoad ({ privateKey, clientId, issuer }) {
  const sign = jwsSigner(privateKey, { alg: 'ES256' })
  const exp = Math.floor(Date.now() / 1000) + LIFETIME
  const requestFor = (aud) => {
    const form = new URLSearchParams({
      grant_type: 'client_credentials', scope: SCOPE, client_assertion_type: ASSERTION_TYPE, client_assertion: sign({ iss: clientId, sub: clientId, aud, exp, jti: randomUUID() })
    }).toString()
    return bytes('POST /oauth2/token HTTP/1.1', [...COMMON, 'content-type: application/x-www-form-urlencoded', `content-length: ${form.length}`], form)
  }
  return { requests: Array.from({ length: ONCE }, () => requestFor(issuer)), refused: requestFor('https://other.example') }
}

function jwsSigner (privateKey, header) {
  const key = createPrivateKey(privateKey)
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const encoded = encode(header)
  return (claims) => {
    const input = `${encoded}.${encode(claims)}`
    return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
}

function basic ({ clientId, clientSecret }) {
  return `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`
}

function post (authorization, form = FORM) {
  return bytes('POST /oauth2/token HTTP/1.1', [
    ...COMMON,
    `authorization: ${authorization}`,
    'content-type: application/x-www-form-urlencoded',
    `content-length: ${form.length}`
  ], form)
}

function get (token) {
  return bytes('GET /data HTTP/1.1', token === undefined ? COMMON : [...COMMON, `authorization: Bearer ${token}`], '')
}

function bytes (line, fields, body) {
  return Buffer.from(`${[line, ...fields].join('\r\n')}\r\n\r\n${body}`)
}
