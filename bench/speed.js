// The tables of the README's "Speed", from results.json: node bench/speed.js prints them.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const HAND_WRITTEN = [
  ['token', 'ours, random token', 'token endpoint, random token', 'hand-written'],
  ['token', 'ours, ES256 by fastifyJwtTokens', 'token endpoint, ES256 by `fastifyJwtTokens`', 'hand-written with fast-jwt'],
  ['token', 'ours, JwtAccessTokens', 'token endpoint, ES256 by `JwtAccessTokens`', 'hand-written with node:crypto'],
  ['guard', 'ours, guard in preHandler', 'guarded route, a look-up in a Map', 'hand-written guard'],
  ['access-tokens', 'ours, one token', 'guarded route, the same JWT', 'hand-written guard with a cache'],
  ['access-tokens', 'ours, 1,000 tokens', 'guarded route, 1,000 JWTs', 'hand-written guard with a cache'],
  ['access-tokens', 'ours, cache of 1,000, 100,000 tokens', 'guarded route, 100,000 JWTs, a cache of 1,000', 'hand-written without a cache'],
  ['strong', 'ours, DPoP', 'guarded route, DPoP, each proof another', 'hand-written with the same cryptography'],
  ['strong', 'ours, private_key_jwt', 'token endpoint, `private_key_jwt`', 'hand-written with the same cryptography'],
  ['unguarded', 'with the plugin', 'route without a guard', 'an application without the plugin']
]
const OURS_TOKEN = 'ours, ClientRegistry'

const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** The tables as Markdown: against other packages, and against hand-written code. Ratios are medians. */
export function speedTables ({ summaries }) {
  const rowOf = (group, name) => summaries.find((entry) => entry.name === group).rows.find((row) => row.name === name)
  const times = ({ ratio }) => ratio.median.toFixed(2)
  const tokens = rowOf('peers-token', OURS_TOKEN)
  const verified = summaries.find(({ name }) => name === 'peers-verify').rows.filter(({ beats }) => beats !== undefined)
  // "NAME, ALGORITHM, LOAD": one line for a name, with the loads beside each other.
  const verifying = new Map()
  for (const entry of verified.flatMap(({ beats }) => beats)) {
    const [name, algorithm, load] = entry.name.split(/, (?=ES256|EdDSA|1)/)
    const line = `${name}, ${algorithm}`
    verifying.set(line, { ...verifying.get(line), [load]: times(entry) })
  }
  return [
    table(['token endpoint, ES256, 1,000 clients', 'ours is faster'], tokens.beats.map((entry) => [entry.name, times(entry)])),
    table(['guarded route', '1,000 tokens in turn', '100,000 tokens'], [...verifying].map(([line, loads]) => [line, loads['1,000 tokens'], loads['100,000 tokens']])),
    table(['what', 'against', 'ratio'], HAND_WRITTEN.map(([group, name, what, against]) => [what, against, times(rowOf(group, name))]))
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(speedTables(JSON.parse(readFileSync(new URL('results.json', import.meta.url), 'utf8'))).join('\n\n'))
}
