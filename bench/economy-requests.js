// The most expensive requests that we know of a caller without credentials.
import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto'

const FORM = 'application/x-www-form-urlencoded'
const FOREIGN_TOKEN = 'eyJhbGciOiJFUzI1NiJ9.e30.AAAA'
const WRONG_SECRET = 'fccs_0000000000000000000000000000000000000000000000000'
const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const now = () => Math.floor(Date.now() / 1000)
const basic = (id, secret) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const { x, y } = publicKey.export({ format: 'jwk' })

const SMALL_PRIMES = Array.from({ length: 1000 }, (_, index) => index).filter((number) => number > 1 && !Array.from({ length: 31 }, (_, index) => index + 2).some((factor) => factor < number && number % factor === 0))
const PRODUCT = SMALL_PRIMES.reduce((product, prime) => product * BigInt(prime), 1n)

/** A number of this length that could be the modulus of an RSA key: it has no small factor. To verify costs the same by any. */
export function modulusOf (bits) {
  for (;;) {
    const modulus = randomBytes(bits / 8)
    modulus[0] |= 0xc0
    modulus[modulus.length - 1] |= 1
    let [a, b] = [PRODUCT, BigInt(`0x${modulus.toString('hex')}`) % PRODUCT]
    while (b !== 0n) [a, b] = [b, a % b]
    if (a === 1n) return modulus.toString('base64url')
  }
}

export function expensiveRequests ({ issuer, kid, rsaBits }) {
  const post = (body, headers = {}, path = '/oauth2/token') => ({ method: 'POST', path, headers: { 'content-type': FORM, ...headers }, body })
  const grant = (more = '', headers) => post(`grant_type=client_credentials${more}`, headers)
  const guarded = (headers, path = '/data') => ({ path, headers })
  const filled = (part, length) => part.repeat(Math.floor(length / part.length))

  const rsaSignature = (bits) => Buffer.concat([Buffer.from([1]), randomBytes(bits / 8 - 1)]).toString('base64url')
  const proofClaims = () => encode({ jti: randomUUID(), htm: 'GET', htu: `${issuer}/data`, iat: now(), ath: createHash('sha256').update(FOREIGN_TOKEN).digest('base64url') })
  const rsaProof = (bits, e = 'AQAB') => `${encode({ typ: 'dpop+jwt', alg: 'PS256', jwk: { kty: 'RSA', n: modulusOf(bits), e } })}.${proofClaims()}.${rsaSignature(bits)}`
  const signed = (input) => `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  const ecProof = () => signed(`${encode({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty: 'EC', crv: 'P-256', x, y } })}.${proofClaims()}`)
  const dpop = (proof) => guarded({ authorization: `DPoP ${FOREIGN_TOKEN}`, dpop: proof })

  const assertionClaims = (id) => encode({ iss: id, sub: id, aud: issuer, jti: randomUUID(), iat: now(), exp: now() + 60 })
  const assertion = (jwt) => grant(`&client_assertion_type=${encodeURIComponent('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')}&client_assertion=${jwt}`)
  const rsaAssertion = (id, header = {}) => assertion(`${encode({ alg: 'PS256', ...header })}.${assertionClaims(id)}.${rsaSignature(rsaBits)}`)

  const requests = {
    nothing: () => guarded({}),
    'Bearer, a foreign token': () => guarded({ authorization: `Bearer ${FOREIGN_TOKEN}` }),
    'Bearer, our kid and a wrong signature': () => guarded({ authorization: `Bearer ${encode({ alg: 'ES256', typ: 'at+jwt', kid })}.e30.${randomBytes(64).toString('base64url')}` }),
    'Bearer, 14 kB': () => guarded({ authorization: `Bearer ${randomBytes(10_500).toString('base64url')}` }),
    'Bearer, 14 kB of nested JSON': () => guarded({ authorization: `Bearer ${encode(`${'['.repeat(5000)}${']'.repeat(5000)}`)}.e30.AA` }),
    'DPoP, a right ES256 proof': () => dpop(ecProof()),
    'DPoP, RSA of 8192 bits': () => dpop(rsaProof(8192)),
    'DPoP, RSA of 8192 bits and a long exponent': () => dpop(rsaProof(8192, '_____w')),
    'DPoP, RSA of 4096 bits': () => dpop(rsaProof(4096)),
    'Authorization, 14 kB of commas': () => guarded({ authorization: filled('a,', 14_000) }),
    'URL, 14 kB of parameters': () => guarded({ authorization: `Bearer ${FOREIGN_TOKEN}` }, `/data?${filled('a&', 14_000)}`),
    'URL, 14 kB of encoded parameters': () => guarded({ authorization: `Bearer ${FOREIGN_TOKEN}` }, `/data?${filled('%61&', 14_000)}`),
    'token endpoint, an unknown client': () => grant('', { authorization: basic('nobody', WRONG_SECRET) }),
    'token endpoint, a client of 1,000 scopes': () => grant('', { authorization: basic('scopes1000', WRONG_SECRET) }),
    'token endpoint, an unknown client, no generated secret': () => grant('', { authorization: basic('nobody', 'guess') }),
    'token endpoint, 20,000 parameters': () => grant(`&${Array.from({ length: 10_000 }, (_, index) => `p${index}`).join('&')}`),
    'token endpoint, 32,000 empty parameters': () => grant(filled('&', 32_000)),
    'token endpoint, one parameter 16,000 times': () => grant(filled('&a=b', 64_000)),
    'token endpoint, 64 kB of percent signs': () => grant(`&a=${filled('%41', 65_000)}`),
    'token endpoint, 32,000 scopes': () => grant(`&scope=${filled('a+', 65_000)}`, { authorization: basic('nobody', WRONG_SECRET) }),
    'token endpoint, 20,000 other scopes': () => grant(`&scope=${Array.from({ length: 12_000 }, (_, index) => index.toString(36)).join('+')}`, { authorization: basic('nobody', WRONG_SECRET) }),
    'token endpoint, 5,000 resources': () => grant(filled('&resource=a:', 64_000), { authorization: basic('nobody', WRONG_SECRET) }),
    'token endpoint, 14 kB of Basic': () => grant('', { authorization: basic('nobody', randomBytes(7000).toString('base64url')) }),
    'token endpoint, 14 kB of commas': () => grant('', { authorization: filled('Basic a,', 14_000) }),
    'token endpoint, a secret of 60 kB': () => grant(`&client_id=nobody&client_secret=${filled('a', 60_000)}`),
    'assertion, unknown client, PS256': () => rsaAssertion('nobody'),
    'assertion, 30 RSA keys, no kid': () => rsaAssertion('keys'),
    'assertion, 30 RSA keys, with kid': () => rsaAssertion('keys', { kid: 'key7' }),
    'assertion, 16 kB': () => assertion(`${encode({ alg: 'PS256', x: 'x'.repeat(11_000) })}.${assertionClaims('keys')}.AA`),
    'assertion, 16 kB of nested JSON': () => assertion(`${encode(`{"alg":"PS256","x":${'['.repeat(5000)}${']'.repeat(5000)}}`)}.${assertionClaims('keys')}.AA`),
    'introspection, an unknown client': () => post('token=a', { authorization: basic('nobody', WRONG_SECRET) }, '/oauth2/introspect'),
    metadata: () => guarded({}, '/.well-known/oauth-authorization-server')
  }
  return Object.entries(requests).map(([name, make]) => ({ name, make }))
}
