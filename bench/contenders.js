// Who runs, under which load, and against whom. Every contender is a server process of its own.
const TOKEN = 'servers/token.js'
const GUARDED = 'servers/guarded.js'
const STRONG = 'servers/strong.js'
const PEERS_TOKEN = 'servers/peers-token.js'
const PEERS_VERIFY = 'servers/peers-verify.js'

const TOKEN_PEERS = [
  { name: 'oidc-provider', server: 'oidcProvider' },
  { name: '@node-oauth/oauth2-server on Express', server: 'nodeOauth' },
  { name: '@jmondi/oauth2-server on Fastify', server: 'jmondi' }
]
const VERIFY_PEERS = [
  { name: '@fastify/jwt', file: GUARDED, server: 'jwtVerify' },
  { name: '@fastify/jwt with its cache', file: GUARDED, server: 'jwtVerifyCached' },
  { name: 'jose by hand', file: PEERS_VERIFY, server: 'jose' },
  { name: 'express-oauth2-jwt-bearer', file: PEERS_VERIFY, server: 'expressBearer' }
]
// It takes no ES256, so that ours is asked with EdDSA too.
const ED_PEERS = [
  { name: 'fastify-jwt-jwks', file: PEERS_VERIFY, server: 'fastifyJwtJwks' },
  { name: 'fastify-jwt-jwks with its cache', file: PEERS_VERIFY, server: 'fastifyJwtJwksCached' }
]
const isCached = ({ name }) => name.endsWith('with its cache')
const PEER_LOADS = [
  { words: 'one token', count: 1, ours: [{ name: 'ours', suffix: '', beats: () => true }] },
  { words: '1,000 tokens', count: 1000, ours: [{ name: 'ours', suffix: '', beats: () => true }] },
  // More than any cache here holds: like is compared with like.
  {
    words: '100,000 tokens',
    count: 100_000,
    ours: [
      { name: 'ours without its cache', suffix: 'Uncached', beats: (peer) => !isCached(peer) },
      { name: 'ours with a cache of 1,000', suffix: 'Small', beats: isCached }
    ]
  }
]

function verifyPeers (peers, loadName, server, algorithm) {
  return PEER_LOADS.flatMap(({ words, count, ours }) => {
    const load = `${loadName}-${count}`
    const nameOf = ({ name }) => `${name}, ${algorithm}, ${words}`
    return [
      ...peers.map((peer) => ({ ...peer, name: nameOf(peer), load })),
      ...ours.map((our) => ({ name: nameOf(our), file: GUARDED, server: `${server}${our.suffix}`, load, against: RAW_ROUTE, beats: peers.filter(our.beats).map(nameOf) }))
    ]
  })
}

const RAW_TOKEN = 'raw Fastify, constant token answer'
const RAW_ROUTE = 'raw Fastify, open route'

const JWT_LOADS = [
  { load: 'jwts-1', words: 'one token' },
  { load: 'jwts-1000', words: '1,000 tokens' },
  { load: 'jwts-100000', words: '100,000 tokens' }
]
const CACHES = [
  { suffix: '', words: 'cache off' },
  { suffix: 'Cached', words: 'cache on' }
]

function jwtPairs () {
  return CACHES.flatMap((cache) => JWT_LOADS.flatMap(({ load, words }) => {
    const peer = `@fastify/jwt jwtVerify, ${cache.words}, ${words}`
    return [
      { name: peer, file: GUARDED, server: `jwtVerify${cache.suffix}`, load },
      { name: `ours, fastifyJwtTokens, ${cache.words}, ${words}`, file: GUARDED, server: `oursJwt${cache.suffix}`, load, against: peer }
    ]
  }))
}

/** `against` is the contender that a ratio is to, `target` the least that it may be; those that it `beats` must be slower. */
export const GROUPS = [
  {
    name: 'token',
    title: 'Token endpoint',
    contenders: [
      { name: 'raw Fastify, constant answer', file: TOKEN, server: 'constant', load: 'token-open' },
      { name: 'hand-written, random token', file: TOKEN, server: 'handRandom', load: 'token', against: 'raw Fastify, constant answer' },
      { name: 'ours, random token', file: TOKEN, server: 'oursRandom', load: 'token', against: 'hand-written, random token', target: 0.8 },
      { name: 'hand-written, ES256 by node:crypto', file: TOKEN, server: 'handCrypto', load: 'token', against: 'raw Fastify, constant answer' },
      { name: 'ours, ES256 by node:crypto', file: TOKEN, server: 'oursCrypto', load: 'token', against: 'hand-written, ES256 by node:crypto' },
      { name: 'hand-written, ES256 by fast-jwt', file: TOKEN, server: 'handFastJwt', load: 'token', against: 'raw Fastify, constant answer' },
      { name: 'ours, ES256 by fastifyJwtTokens', file: TOKEN, server: 'oursFastifyJwt', load: 'token', against: 'hand-written, ES256 by fast-jwt', target: 0.85 },
      { name: 'ours, JwtAccessTokens', file: TOKEN, server: 'oursJwtAccessTokens', load: 'token', against: 'hand-written, ES256 by node:crypto', target: 0.9 },
      { name: 'ours, JwtAccessTokens, signing in the pool', file: TOKEN, server: 'oursPool', load: 'token', against: 'hand-written, ES256 by node:crypto' }
    ]
  },
  {
    name: 'two-cores',
    title: 'Token endpoint, the server on both cores',
    cores: 2,
    contenders: [
      { name: 'hand-written, ES256 by node:crypto', file: TOKEN, server: 'handCrypto', load: 'token' },
      { name: 'ours, JwtAccessTokens', file: TOKEN, server: 'oursJwtAccessTokens', load: 'token', against: 'hand-written, ES256 by node:crypto', loopTarget: 0.7 },
      { name: 'ours, JwtAccessTokens, signing in batches', file: TOKEN, server: 'oursBatch', load: 'token', against: 'hand-written, ES256 by node:crypto' }
    ]
  },
  {
    name: 'guard',
    title: 'Guarded route, token looked up in a Map',
    contenders: [
      { name: 'open route', file: GUARDED, server: 'open', load: 'open' },
      { name: 'hand-written guard', file: GUARDED, server: 'handMap', load: 'opaque', against: 'open route' },
      { name: 'ours, guard in preHandler', file: GUARDED, server: 'oursMap', load: 'opaque', against: 'hand-written guard', target: 0.9 },
      { name: 'ours, guard in onRequest', file: GUARDED, server: 'oursMapOnRequest', load: 'opaque', against: 'hand-written guard' }
    ]
  },
  { name: 'jwt', title: 'Guarded route, ES256 token by @fastify/jwt', contenders: jwtPairs() },
  {
    name: 'access-tokens',
    title: 'Guarded route, ES256 token by JwtAccessTokens',
    contenders: [
      { name: 'hand-written, cached, one token', file: GUARDED, server: 'handJwtCached', load: 'kid-jwts-1' },
      { name: 'ours, one token', file: GUARDED, server: 'oursAccessTokens', load: 'kid-jwts-1', against: 'hand-written, cached, one token', target: 0.95 },
      { name: '@fastify/jwt, cache on, one token', file: GUARDED, server: 'jwtVerifyCached', load: 'jwts-1' },
      { name: 'ours, one token, again', file: GUARDED, server: 'oursAccessTokens', load: 'kid-jwts-1', against: '@fastify/jwt, cache on, one token', target: 1.35 },
      { name: 'hand-written, cached, 1,000 tokens', file: GUARDED, server: 'handJwtCached', load: 'kid-jwts-1000' },
      { name: 'ours, 1,000 tokens', file: GUARDED, server: 'oursAccessTokens', load: 'kid-jwts-1000', against: 'hand-written, cached, 1,000 tokens', target: 0.95 },
      { name: 'hand-written, no cache, 100,000 tokens', file: GUARDED, server: 'handJwtUncached', load: 'kid-jwts-100000' },
      { name: 'ours, cache of 1,000, 100,000 tokens', file: GUARDED, server: 'oursAccessTokensSmall', load: 'kid-jwts-100000', against: 'hand-written, no cache, 100,000 tokens', target: 0.75 }
    ]
  },
  {
    name: 'strong',
    title: 'Strong clients: every proof and every assertion is another, and good once',
    contenders: [
      { name: 'hand-written, DPoP', file: STRONG, server: 'handDpop', load: 'dpop-hand' },
      { name: 'ours, DPoP', file: STRONG, server: 'oursDpop', load: 'dpop-ours', against: 'hand-written, DPoP', target: 0.8 },
      { name: 'hand-written, private_key_jwt', file: STRONG, server: 'handAssertion', load: 'assertions-hand' },
      { name: 'ours, private_key_jwt', file: STRONG, server: 'oursAssertion', load: 'assertions-ours', against: 'hand-written, private_key_jwt', target: 0.8 }
    ]
  },
  {
    name: 'peers-token',
    title: 'Token endpoints of other packages: 1,000 clients, ES256, RFC 9068',
    contenders: [
      { name: RAW_TOKEN, file: TOKEN, server: 'constant', load: 'token-open' },
      ...TOKEN_PEERS.map((peer) => ({ ...peer, file: PEERS_TOKEN, load: 'tokens-1000', against: RAW_TOKEN })),
      { name: 'ours, clients in a table of the application', file: TOKEN, server: 'oursJwtAccessTokens', load: 'tokens-1000', against: RAW_TOKEN, beats: TOKEN_PEERS.map(({ name }) => name) },
      { name: 'ours, ClientRegistry', file: TOKEN, server: 'oursRegistry', load: 'tokens-1000', against: RAW_TOKEN, beats: TOKEN_PEERS.map(({ name }) => name) }
    ]
  },
  {
    name: 'peers-verify',
    title: 'Guarded routes of other packages',
    contenders: [
      { name: RAW_ROUTE, file: GUARDED, server: 'open', load: 'open' },
      ...verifyPeers(VERIFY_PEERS, 'kid-jwts', 'oursAccessTokens', 'ES256'),
      ...verifyPeers(ED_PEERS, 'ed-jwts', 'oursEdDsa', 'EdDSA')
    ]
  },
  {
    name: 'unguarded',
    title: 'Unguarded route',
    contenders: [
      { name: 'without the plugin', file: GUARDED, server: 'open', load: 'open' },
      { name: 'with the plugin', file: GUARDED, server: 'oursOpen', load: 'open', against: 'without the plugin', target: 0.98 }
    ]
  }
]
