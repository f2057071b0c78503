// What the core promises of every runtime, as a program that each of them runs: issuing, verifying, strong clients, proofs.
// Nothing in here is of Node.js alone. It tells of each step whether it held, and why not.
import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import {
  ClientCredentialsFlowBuilder, ClientRegistry, DPoPTokenType, JwtAccessTokens, MemoryStore, OpaqueAccessTokens, RemoteAccessTokens, SigningKeys
} from '../../dist/src/index.js'
import { handleIntrospectionRequest, settingsOf } from '../../dist/src/adapter.js'

const ISSUER = 'https://as.example'
const RESOURCE = 'https://api.example'
const TOKEN_URL = `${ISSUER}/oauth2/token`
const FORM = 'application/x-www-form-urlencoded'
const SCOPES = { 'data:read': 'Read data', 'data:write': 'Write data' }

/** Fails a step. */
function check (isRight, what) {
  if (!isRight) throw new Error(what)
}

const utf8 = (text) => new TextEncoder().encode(text)
const basic = ({ id, secret }) => `Basic ${btoa(`${id}:${secret}`)}`

function tokenRequest (parameters = {}, headers = {}, url = TOKEN_URL) {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...parameters }).toString()
  return new Request(url, { method: 'POST', headers: { 'content-type': FORM, ...headers }, body })
}

const dataRequest = (authorization, headers = {}) => new Request(`${RESOURCE}/data`, { headers: { authorization, ...headers } })

/** A server with one client, and the header of the client. */
async function server (build, registration = { id: 'billing', scopes: ['data:read', 'data:write'] }) {
  const store = new MemoryStore()
  const clients = new ClientRegistry(store)
  const { secret } = await clients.add(registration)
  const flow = build(new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' }).setScopes(SCOPES).useClients(clients), store).build()
  return { flow, store, clients, authorization: basic({ id: registration.id, secret: secret?.secret }) }
}

const jwtTokens = (store, options = {}, keyOptions = {}) =>
  new JwtAccessTokens({ issuer: ISSUER, audience: RESOURCE, keys: new SigningKeys(store, keyOptions), revocations: store, ...options })

async function issued (flow, request) {
  const answer = await flow.token(request)
  if (!answer.success) throw answer.error.cause ?? answer.error
  return answer.tokenResponse.access_token
}

const accepted = async (flow, request) => (await flow.verifyToken(request)).success

/** What holds of every kind of token. */
async function checkTokens ({ flow, clients, authorization }) {
  const token = await issued(flow, tokenRequest({ scope: 'data:read' }, { authorization }))
  const verified = await flow.verifyToken(dataRequest(`Bearer ${token}`))
  check(verified.success && verified.credentials.app.id === 'billing' && String(verified.credentials.scope) === 'data:read', 'the token was not accepted')
  check(await accepted(flow, dataRequest(`Bearer ${token}`)), 'the token was not accepted again')
  const other = await issued(flow, tokenRequest({}, { authorization }))
  check(other !== token, 'two tokens are the same')

  const wrong = await flow.token(tokenRequest({}, { authorization: basic({ id: 'billing', secret: 'wrong' }) }))
  check(!wrong.success && wrong.error.status === 401, 'a wrong secret was accepted')
  const forged = `${token.slice(0, -8)}${token.at(-8) === 'A' ? 'B' : 'A'}${token.slice(-7)}`
  check(!await accepted(flow, dataRequest(`Bearer ${forged}`)), 'a token that was changed was accepted')

  const { accessTokens } = settingsOf(flow)
  check((await accessTokens.introspect(token))?.client_id === 'billing', 'introspection does not know the token')
  await accessTokens.revoke(token)
  check(!await accepted(flow, dataRequest(`Bearer ${token}`)), 'a revoked token was accepted')
  check(await accepted(flow, dataRequest(`Bearer ${other}`)), 'another token was not accepted any more')
  await clients.disable('billing')
  check(!await accepted(flow, dataRequest(`Bearer ${other}`)), 'the token of a disabled client was accepted')
}

async function signedTokens (algorithm, signing) {
  const world = await server((builder, store) => builder.useAccessTokens(jwtTokens(store, { signing }, { algorithm })))
  const { accessTokens } = settingsOf(world.flow)
  const token = await issued(world.flow, tokenRequest({}, { authorization: world.authorization }))
  // By a library of others, in the runtime itself.
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(await accessTokens.metadata.keys.toJwks()), { issuer: ISSUER, audience: RESOURCE })
  check(protectedHeader.alg === algorithm && protectedHeader.typ === 'at+jwt' && payload.client_id === 'billing', 'jose reads another token')
  await checkTokens(world)
}

/** The first requests come together, before there is a key. */
async function firstRequests () {
  const { flow, authorization } = await server((builder, store) => builder.useAccessTokens(jwtTokens(store)))
  const tokens = await Promise.all(Array.from({ length: 20 }, () => issued(flow, tokenRequest({}, { authorization }))))
  check(new Set(tokens).size === 20, 'tokens are the same')
  const outcomes = await Promise.all(tokens.map((token) => accepted(flow, dataRequest(`Bearer ${token}`))))
  check(outcomes.every(Boolean), 'a token was not accepted')
}

async function sealedKeys () {
  const store = new MemoryStore()
  const sealingKeys = [Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')]
  const { kid } = await new SigningKeys(store, { sealingKeys }).current()
  check((await new SigningKeys(store, { sealingKeys }).current()).kid === kid, 'a sealed key is not opened')
}

async function assertions (algorithm) {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwks = { keys: [{ ...await exportJWK(publicKey), kid: 'k', alg: algorithm }] }
  const { flow } = await server(
    (builder, store) => builder.addClientAuthenticationMethod('private_key_jwt').useAccessTokens(jwtTokens(store)),
    { id: 'partner', scopes: ['data:read'], jwks }
  )
  const assertion = await new SignJWT().setProtectedHeader({ alg: algorithm, kid: 'k' })
    .setIssuer('partner').setSubject('partner').setAudience(ISSUER).setIssuedAt().setExpirationTime('1m').setJti(crypto.randomUUID()).sign(privateKey)
  const parameters = { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: assertion }
  check(await accepted(flow, dataRequest(`Bearer ${await issued(flow, tokenRequest(parameters))}`)), 'the token was not accepted')
  check(!(await flow.token(tokenRequest(parameters))).success, 'an assertion was accepted twice')
  const stranger = await new SignJWT().setProtectedHeader({ alg: algorithm, kid: 'k' })
    .setIssuer('stranger').setSubject('stranger').setAudience(ISSUER).setIssuedAt().setExpirationTime('1m').setJti(crypto.randomUUID()).sign(privateKey)
  const answer = await flow.token(tokenRequest({ ...parameters, client_assertion: stranger }))
  check(!answer.success && answer.error.status === 401, 'an unknown client is not answered with 401')
}

async function proofs (algorithm) {
  const { flow, authorization } = await server((builder, store) => builder.setTokenType(new DPoPTokenType({ replays: store })).useAccessTokens(jwtTokens(store)))
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const jwk = await exportJWK(publicKey)
  const proof = (claims) => new SignJWT({ jti: crypto.randomUUID(), ...claims }).setProtectedHeader({ typ: 'dpop+jwt', alg: algorithm, jwk }).setIssuedAt().sign(privateKey)
  const token = await issued(flow, tokenRequest({}, { authorization, dpop: await proof({ htm: 'POST', htu: TOKEN_URL }) }))
  const { cnf } = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')))
  check(cnf.jkt === await calculateJwkThumbprint(jwk), 'the token is bound to another key')
  const ath = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest('SHA-256', utf8(token))))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  const dpop = await proof({ htm: 'GET', htu: `${RESOURCE}/data`, ath })
  check(await accepted(flow, dataRequest(`DPoP ${token}`, { dpop })), 'the proof was not accepted')
  check(!await accepted(flow, dataRequest(`DPoP ${token}`, { dpop })), 'a proof was accepted twice')
  check(!await accepted(flow, dataRequest(`DPoP ${token}`)), 'a token without its proof was accepted')
  check(!await accepted(flow, dataRequest(`Bearer ${token}`)), 'a bound token was accepted as a bearer token')
}

async function signedIntrospection () {
  const { flow, clients } = await server((builder, store) => builder.useAccessTokens(jwtTokens(store)))
  const { secret } = await clients.add({ id: 'api', introspects: [RESOURCE] })
  const { secret: own } = await clients.add({ id: 'caller', scopes: ['data:read'] })
  const token = await issued(flow, tokenRequest({}, { authorization: basic({ id: 'caller', secret: own.secret }) }))
  const fields = new Map([['authorization', basic({ id: 'api', secret: secret.secret })], ['content-type', FORM], ['accept', 'application/token-introspection+jwt']])
  const request = { method: 'POST', header: (name) => fields.get(name), form: { token }, url: `${ISSUER}/oauth2/introspect` }
  const jwt = await handleIntrospectionRequest(settingsOf(flow), request)
  const { payload } = await jwtVerify(jwt, createLocalJWKSet(await settingsOf(flow).accessTokens.metadata.keys.toJwks()), { issuer: ISSUER, audience: 'api' })
  check(payload.token_introspection.active === true, 'the signed answer says that the token is not active')
}

/** Verifies tokens of a server elsewhere, by its JWKS and by introspection. @param remote where it is, a token of it, and how to introspect */
async function remoteTokens (remote, introspection) {
  const { issuer, audience, token, forged, credentials } = remote
  const tokens = new RemoteAccessTokens({ issuer, audience, ...(introspection && { introspection: credentials }) })
  check((await tokens.verify(token)).isValid, 'a token of the other server was not accepted')
  check(!(await tokens.verify(forged)).isValid, 'a forged token was accepted')
}

const reasonOf = (error) => `${error?.stack ?? error}`.slice(0, 1000) + (error?.cause ? `\ncaused by ${reasonOf(error.cause)}` : '')

/** A server that handles requests of its own, and a route behind a guard: for runtimes that share it between requests. */
export function application () {
  const store = new MemoryStore()
  const flow = new ClientCredentialsFlowBuilder({ tokenEndpoint: '/oauth2/token' }).setScopes(SCOPES)
    .getClient(({ clientId, clientSecret }) => clientSecret === 'secret' ? { id: clientId, grants: ['client_credentials'], scopes: ['data:read'] } : undefined)
    .useAccessTokens(jwtTokens(store)).build()
  let started
  return async (request) => {
    await (started ??= flow.start())
    const isTokenRequest = new URL(request.url).pathname === '/oauth2/token'
    const answer = isTokenRequest ? await flow.token(request) : await flow.verifyToken(request)
    if (!answer.success) return Response.json(answer.error.body, { status: answer.error.status, headers: answer.error.headers })
    return Response.json(isTokenRequest ? answer.tokenResponse : answer.credentials)
  }
}

/** @returns for each step: undefined if it held, else why it did not */
export async function prove (remote) {
  const steps = {
    ...Object.fromEntries(['ES256', 'EdDSA', 'RS256', 'PS256'].flatMap((algorithm) => ['pool', 'batch'].map((signing) =>
      [`JWT access tokens by ${algorithm}, signing "${signing}"`, () => signedTokens(algorithm, signing)]))),
    'the first requests, all at once': firstRequests,
    'opaque access tokens': async () => checkTokens(await server((builder, store) =>
      builder.useAccessTokens(new OpaqueAccessTokens({ issuer: ISSUER, audience: RESOURCE, store })))),
    'sealed signing keys': sealedKeys,
    ...Object.fromEntries(['ES256', 'EdDSA', 'PS256'].map((algorithm) => [`private_key_jwt by ${algorithm}`, () => assertions(algorithm)])),
    ...Object.fromEntries(['ES256', 'EdDSA'].map((algorithm) => [`DPoP proofs by ${algorithm}`, () => proofs(algorithm)])),
    'introspection, signed': signedIntrospection,
    ...(remote && {
      'tokens of a server elsewhere, by its JWKS': () => remoteTokens(remote, false),
      'tokens of a server elsewhere, by introspection': () => remoteTokens(remote, true)
    })
  }
  const results = {}
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step()
      results[name] = 'holds'
    } catch (error) {
      results[name] = reasonOf(error)
    }
  }
  return results
}
