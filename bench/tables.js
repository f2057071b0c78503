// The tables of the README's "Speed", from the results.
const HAND_WRITTEN = [
  ['token endpoint, random token', 'hand-written', 'token', 'ours, random token'],
  ['token endpoint, ES256 by `fastifyJwtTokens`', 'hand-written with fast-jwt', 'token', 'ours, ES256 by fastifyJwtTokens'],
  ['token endpoint, ES256 by `JwtAccessTokens`', 'hand-written with node:crypto', 'token', 'ours, JwtAccessTokens'],
  ['guarded route, a look-up in a Map', 'hand-written guard', 'guard', 'ours, guard in preHandler'],
  ['guarded route, the same JWT', 'hand-written guard with a cache', 'access-tokens', 'ours, one token'],
  ['guarded route, 1,000 JWTs', 'hand-written guard with a cache', 'access-tokens', 'ours, 1,000 tokens'],
  ['guarded route, 100,000 JWTs, a cache of 1,000', 'hand-written without a cache', 'access-tokens', 'ours, cache of 1,000, 100,000 tokens'],
  ['guarded route, DPoP, each proof another', 'hand-written with the same cryptography', 'strong', 'ours, DPoP'],
  ['token endpoint, `private_key_jwt`', 'hand-written with the same cryptography', 'strong', 'ours, private_key_jwt'],
  ['route without a guard', 'an application without the plugin', 'unguarded', 'with the plugin']
]
const LOADS = ['one token', '1,000 tokens', '100,000 tokens']
const ALGORITHMS = ['ES256', 'EdDSA']
const OURS = ['ours, clients in a table of the application', 'ours, ClientRegistry']

/** All of them, each beginning with its own head. */
export function tablesOf (results) {
  return [handWritten(results), tokenPeers(results), verifyPeers(results)].map((rows) => rows.map(line).join('\n'))
}

function handWritten (results) {
  const rows = HAND_WRITTEN.map(([what, against, group, name]) => [what, against, times(rowOf(results, group, name).ratio)])
  return [['what', 'against', 'ratio'], rule(3), ...rows]
}

function tokenPeers (results) {
  const ours = OURS.map((name) => rowOf(results, 'peers-token', name))
  const peers = ours[0].beats.map(({ name }) => [name, ...ours.map((row) => times(ratioTo(row, name)))])
  const limit = [ours[0].against, ...ours.map(({ ratio }) => times(ratio))]
  return [['token endpoint', 'clients in a table', 'clients in the registry'], rule(3), ...peers, limit]
}

function verifyPeers (results) {
  const rows = ALGORITHMS.flatMap((algorithm) => {
    const suffixes = LOADS.map((load) => `, ${algorithm}, ${load}`)
    // Of several of ours under one load, each is compared with others of its kind.
    const ours = suffixes.map((suffix) => groupOf(results, 'peers-verify').rows.filter(({ name, beats }) => beats !== undefined && name.endsWith(suffix)))
    const names = ours[0][0].beats.map(({ name }) => name.replace(suffixes[0], ''))
    return [
      ...names.map((name) => [`${name}, ${algorithm}`, ...ours.map((rows, index) => times(rows.map((row) => ratioTo(row, name + suffixes[index])).find(Boolean)))]),
      [`${ours[0][0].against}, against ${algorithm}`, ...ours.map(([{ ratio }]) => times(ratio))]
    ]
  })
  return [['guarded route', ...LOADS], rule(4), ...rows]
}

function groupOf (results, group) {
  const found = results.find((summary) => summary.name === group)
  if (found === undefined) throw new Error(`no results of ${group}`)
  return found
}

function rowOf (results, group, name) {
  const row = groupOf(results, group).rows.find((other) => other.name === name)
  if (row === undefined) throw new Error(`no results of ${group}: ${name}`)
  return row
}

const ratioTo = ({ beats }, name) => beats.find((other) => other.name === name)?.ratio
const times = ({ median }) => median.toFixed(2)
const rule = (columns) => Array(columns).fill('---')
const line = (cells) => `| ${cells.join(' | ')} |`
