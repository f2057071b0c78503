// Who runs, under which load, and against whom. Every contender is a server process of its own.
const TOKEN = 'servers/token.js'
const GUARDED = 'servers/guarded.js'

const JWT_LOADS = [
  { load: 'jwt', words: 'one token' },
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

/** `against` is the contender that a ratio is to, `target` the least that it may be. */
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
      { name: 'ours, ES256 by fastifyJwtTokens', file: TOKEN, server: 'oursFastifyJwt', load: 'token', against: 'hand-written, ES256 by fast-jwt', target: 0.85 }
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
  { name: 'jwt', title: 'Guarded route, ES256 token', contenders: jwtPairs() },
  {
    name: 'unguarded',
    title: 'Unguarded route',
    contenders: [
      { name: 'without the plugin', file: GUARDED, server: 'open', load: 'open' },
      { name: 'with the plugin', file: GUARDED, server: 'oursOpen', load: 'open', against: 'without the plugin', target: 0.98 }
    ]
  }
]
