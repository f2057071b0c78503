// The chart and the tables of the README, from results.json: npm run bench:chart. One bar for each contender, in requests a second.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readResults } from './results.js'
import { tablesOf } from './tables.js'

const WIDTH = 760
const LABEL = 330
const BAR = 16
const ROW = 24
const HEAD = 40
const MARGIN = 16
// Beside the longest bar: its figures.
const FIGURES = 120

const PANELS = [
  { group: 'peers-token', title: 'Token endpoint: 1,000 clients, ES256 access tokens (RFC 9068)', holds: () => true },
  { group: 'peers-verify', title: 'Guarded route: 1,000 ES256 tokens in turn', holds: (name) => / ES256, 1,000 /.test(name) || name.startsWith('raw') },
  { group: 'peers-verify', title: 'Guarded route: 100,000 ES256 tokens in turn, more than any cache holds', holds: (name) => / ES256, 100,000 /.test(name) || name.startsWith('raw') },
  { group: 'peers-verify', title: 'Guarded route: 1,000 EdDSA tokens in turn', holds: (name) => / EdDSA, 1,000 /.test(name) || name.startsWith('raw') }
]

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .figure { font-size: 12px; fill: #59636e }
  .peer { fill: #9aa4b0 } .raw { fill: none; stroke: #59636e } .ours { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .figure { fill: #9198a1 }
    .peer { fill: #6e7781 } .raw { stroke: #9198a1 } .ours { fill: #3fb950 }
  }
`

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function kindOf (name) {
  if (name.startsWith('ours')) return 'ours'
  return name.startsWith('raw') ? 'raw' : 'peer'
}

// What all bars of a panel share need not be said at each.
const labelOf = (name) => name.replace(/, (?:ES256|EdDSA), .*/, '')

/** The bars of a panel, the fastest first, each with its speed and what part of the best of ours that is. */
function barsOf ({ group, holds }, results) {
  const rows = results.find(({ name }) => name === group).rows.filter(({ name }) => holds(name))
  const best = Math.max(...rows.filter(({ name }) => kindOf(name) === 'ours').map(({ perSecond }) => perSecond.median))
  return rows.map(({ name, perSecond: { median } }) => ({ name, speed: median, share: median / best })).sort((a, b) => b.speed - a.speed)
}

function drawPanel (panel, bars, top) {
  const scale = (WIDTH - LABEL - FIGURES - MARGIN) / bars[0].speed
  const rows = bars.map(({ name, speed, share }, row) => {
    const y = top + HEAD + row * ROW
    const width = Math.max(1, Math.round(speed * scale))
    const figures = `${Math.round(speed).toLocaleString('en')}/s, ${share.toFixed(2)}`
    return `<text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escape(labelOf(name))}</text>` +
      `<rect class="${kindOf(name)}" x="${LABEL}" y="${y}" width="${width}" height="${BAR}" rx="2"/>` +
      `<text class="figure" x="${LABEL + width + 6}" y="${y + 13}">${figures}</text>`
  })
  return [`<text class="title" x="${MARGIN}" y="${top + 24}">${escape(panel.title)}</text>`, ...rows].join('\n')
}

/** Draws the chart. */
export function chartOf (results) {
  let top = 0
  const parts = []
  for (const panel of PANELS) {
    const bars = barsOf(panel, results)
    parts.push(drawPanel(panel, bars, top))
    top += HEAD + bars.length * ROW + MARGIN
  }
  const drawn = results.filter(({ name }) => PANELS.some(({ group }) => group === name))
  const rounds = Math.min(...drawn.map(({ settings }) => settings.rounds))
  const versions = new Set(drawn.map(({ machine }) => machine.node))
  const how = `Requests a second, and as a part of ours. Median of ${rounds} rounds or more, Node.js ${[...versions].join(', ')}, the server on one core.`
  parts.push(`<text class="figure" x="${MARGIN}" y="${top + 12}">${how}</text>`)
  const height = top + 28
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">Speed of token endpoints and guarded routes</title>
<desc id="desc">${PANELS.map((panel) => `${panel.title}. ${barsOf(panel, results).map(({ name, share }) => `${labelOf(name)}: ${share.toFixed(2)}`).join(', ')}`).map(escape).join('. ')}</desc>
<style>${STYLE}</style>
${parts.join('\n')}
</svg>
`
}

/** The README with its tables of these results. A table stays where its head is. */
export function withTables (readme, results) {
  return tablesOf(results).reduce((text, table) => {
    const [head] = table.split('\n', 1)
    const from = text.indexOf(`${head}\n`)
    if (from === -1) throw new Error(`the README has no table ${head}`)
    return text.slice(0, from) + table + text.slice(text.indexOf('\n\n', from))
  }, readme)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const results = readResults()
  const readme = new URL('../README.md', import.meta.url)
  writeFileSync(new URL('chart.svg', import.meta.url), chartOf(results))
  writeFileSync(readme, withTables(readFileSync(readme, 'utf8'), results))
}
