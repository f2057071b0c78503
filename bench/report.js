// From the figures of all rounds to tables, ratios and targets.

function sorted (values) {
  return [...values].sort((a, b) => a - b)
}

export function median (values) {
  const ordered = sorted(values)
  const middle = ordered.length >> 1
  return ordered.length % 2 === 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2
}

function summary (values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

function divided (values, by) {
  return values.map((value, round) => value / by[round])
}

/** A group with a row for each contender. Ratios are taken round by round, so that what both share cancels out. */
export function summarize ({ name: group, title, contenders }, rounds) {
  const seriesOf = (name, figure) => rounds.map((round) => round[name][figure])
  const rows = contenders.map(({ name, against, target, loopTarget, beats }) => {
    const perSecond = seriesOf(name, 'perSecond')
    const cpu = seriesOf(name, 'cpu')
    const loop = seriesOf(name, 'loop')
    const row = { name, against, target, loopTarget, perSecond: summary(perSecond), cpu: summary(cpu), loop: summary(loop), share: summary(seriesOf(name, 'share')) }
    const ratiosTo = (other) => ({
      ratio: summary(divided(perSecond, seriesOf(other, 'perSecond'))),
      cpuRatio: summary(divided(seriesOf(other, 'cpu'), cpu))
    })
    if (beats !== undefined) row.beats = beats.map((other) => ({ name: other, ...ratiosTo(other) }))
    if (against === undefined) return row
    Object.assign(row, ratiosTo(against))
    row.loopRatio = summary(divided(loop, seriesOf(against, 'loop')))
    if (target !== undefined) row.pass = row.ratio.median >= target
    return row
  })
  return { name: group, title, rows }
}

const whole = (value) => String(Math.round(value))
const fixed = (digits) => (value) => value.toFixed(digits)

function spread ({ min, max }, format) {
  return `${format(min)}–${format(max)}`
}

function cells ({ name, perSecond, cpu, loop, ratio, cpuRatio, loopRatio, against }) {
  return [
    name, whole(perSecond.median), spread(perSecond, whole), fixed(1)(cpu.median), fixed(1)(loop.median),
    ratio === undefined ? '' : fixed(2)(ratio.median),
    ratio === undefined ? '' : spread(ratio, fixed(2)),
    cpuRatio === undefined ? '' : fixed(2)(cpuRatio.median),
    loopRatio === undefined ? '' : fixed(2)(loopRatio.median),
    against ?? ''
  ]
}

const HEAD = ['contender', 'req/s', 'min–max', 'CPU µs', 'loop µs', 'ratio', 'min–max', 'by CPU', 'loop', 'to']
const TEXT = new Set(['contender', 'to'])

function table (rows) {
  const lines = [HEAD, ...rows.map(cells)]
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  return lines.map((line) => line.map((cell, column) =>
    TEXT.has(HEAD[column]) ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join('  ').trimEnd()).join('\n')
}

/** A group as text: its table, then its targets. */
export function format ({ title, rows }) {
  const targets = rows.filter(({ target }) => target !== undefined).map(({ name, against, ratio, target, pass }) =>
    `${pass ? 'PASS' : 'MISS'}  ${fixed(2)(ratio.median)} (target ${fixed(2)(target)})  ${name} / ${against}`)
  const loops = rows.filter(({ loopTarget }) => loopTarget !== undefined).map(({ name, against, loopRatio, loopTarget }) =>
    `${loopRatio.median <= loopTarget ? 'PASS' : 'MISS'}  ${fixed(2)(loopRatio.median)} (at most ${fixed(2)(loopTarget)})  event loop of ${name} / ${against}`)
  const beaten = rows.flatMap(({ name, beats = [] }) => beats.map((other) =>
    `${other.ratio.median > 1 ? 'PASS' : 'MISS'}  ${fixed(2)(other.ratio.median)} (more than 1; by CPU ${fixed(2)(other.cpuRatio.median)})  ${name} / ${other.name}`))
  // A server that is asked without a pause takes all of its core, unless something else runs there.
  const shares = rows.map(({ share }) => share.median)
  const crowded = Math.min(...shares) < 0.85
    ? [`NOTE  servers had ${whole(Math.min(...shares) * 100)} to ${whole(Math.max(...shares) * 100)} % of their core: something else ran on it, or the load generator was the limit, and the ratios by CPU say more than those of requests`]
    : []
  return [title, table(rows), ...targets, ...loops, ...beaten, ...crowded].join('\n')
}
