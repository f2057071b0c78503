// What a careful person writes by hand, and what ours does in its callbacks too: the same functions, so the same work.
import { createHash, createPrivateKey, createPublicKey, randomBytes, randomUUID, sign, timingSafeEqual, verify } from 'node:crypto'
import { clientsOf, LIFETIME, SCOPE } from '../fixture.js'

const BASIC = /^basic +([a-z0-9+/]+=*)$/i
const BEARER = /^bearer +([a-z0-9\-._~+/]+=*)$/i
// Tokens beyond this many, twice over, are forgotten: a server of hours would drop those that have expired.
const KEPT = 50_000

const sha256 = (text) => createHash('sha256').update(text).digest()
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Looks a client up and compares its secret in constant time. */
export function clientTable (fixture) {
  const all = [{ id: fixture.clientId, secret: fixture.clientSecret }, ...clientsOf(fixture)]
  const clients = new Map(all.map(({ id, secret }) => [id, { id, secretHash: sha256(secret), grants: ['client_credentials'], scopes: [SCOPE, 'data:write'] }]))
  const nobody = { secretHash: randomBytes(32) }
  return (id, secret) => {
    const client = clients.get(id) ?? nobody
    const matches = timingSafeEqual(sha256(secret), client.secretHash)
    return matches && client !== nobody ? client : undefined
  }
}

/** Id and secret of HTTP Basic, form-encoded as RFC 6749 §2.3.1 has it; undefined when there are none. */
export function readBasic (authorization) {
  const encoded = BASIC.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  if (colon < 1) return undefined
  try {
    return { id: formDecode(pair.slice(0, colon)), secret: formDecode(pair.slice(colon + 1)) }
  } catch {
    return undefined
  }
}

function formDecode (text) {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

/** The scopes that a client gets; undefined when it asks for more than it has. */
export function grantScope (client, requested) {
  if (requested === undefined || requested === '') return client.scopes
  const scopes = requested.split(' ')
  return scopes.every((scope) => client.scopes.includes(scope)) ? scopes : undefined
}

/** A store of opaque tokens. */
export function tokenStore () {
  let young = new Map()
  let old = new Map()
  return {
    issue (clientId, scope) {
      const token = randomBytes(32).toString('base64url')
      this.save(token, clientId, scope)
      return token
    },
    save (token, clientId, scope) {
      if (young.size >= KEPT) {
        old = young
        young = new Map()
      }
      young.set(token, { clientId, scope, expires: Date.now() + LIFETIME * 1000 })
    },
    find (token) {
      const entry = young.get(token) ?? old.get(token)
      return entry !== undefined && entry.expires > Date.now() ? entry : undefined
    }
  }
}

/** The token of an Authorization field; undefined when it has none. */
export function readBearer (authorization) {
  return BEARER.exec(authorization ?? '')?.[1]
}

/** The claims of RFC 9068. */
export function claimsOf ({ issuer, audience }, clientId, scope, lifetime = LIFETIME, jti = randomUUID()) {
  const iat = Math.floor(Date.now() / 1000)
  return { iss: issuer, aud: audience, sub: clientId, client_id: clientId, jti, iat, exp: iat + lifetime, scope }
}

/** Signs JWTs with ES256 by node:crypto, the key parsed once. */
export function es256Signer ({ privateKey }) {
  const key = createPrivateKey(privateKey)
  const header = base64url({ alg: 'ES256', typ: 'at+jwt' })
  return (claims) => {
    const input = `${header}.${base64url(claims)}`
    return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
}

/**
 * Verifies JWTs of ES256 by node:crypto, and remembers as many as `kept` under their hash.
 *
 * @returns the claims, or undefined
 */
export function es256Verifier ({ publicKey, issuer, audience, kid }, kept) {
  const key = createPublicKey(publicKey)
  const remembered = new Map()

  function check (token) {
    const [header, payload, signature, ...more] = token.split('.')
    if (signature === undefined || more.length > 0) return undefined
    const { alg, typ, kid: named } = JSON.parse(Buffer.from(header, 'base64url'))
    if (alg !== 'ES256' || typ !== 'at+jwt' || named !== kid) return undefined
    if (!verify('sha256', Buffer.from(`${header}.${payload}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'))) return undefined
    const claims = JSON.parse(Buffer.from(payload, 'base64url'))
    const wrong = claims.iss !== issuer || claims.aud !== audience || typeof claims.exp !== 'number' || typeof claims.sub !== 'string' ||
      typeof claims.client_id !== 'string' || typeof claims.jti !== 'string' || typeof claims.scope !== 'string'
    return wrong ? undefined : claims
  }

  return (token) => {
    const now = Date.now() / 1000
    const hash = createHash('sha256').update(token).digest('base64url')
    let entry = remembered.get(hash)
    if (entry === undefined) {
      const claims = check(token)
      if (claims === undefined) return undefined
      entry = { claims, scope: claims.scope.split(' ') }
      if (kept > 0) {
        if (remembered.size >= kept) remembered.delete(remembered.keys().next().value)
        remembered.set(hash, entry)
      }
    }
    return entry.claims.exp > now ? entry : undefined
  }
}
