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

/** One row per contender. Ratios are taken round by round, so that what both share cancels out. */
export function summarize (groups, rounds) {
  const seriesOf = (group, name, figure) => rounds.map((round) => round[group.name][name][figure])
  return groups.map((group) => ({
    name: group.name,
    title: group.title,
    rows: group.contenders.map(({ name, against, target, loopTarget, beats }) => {
      const perSecond = seriesOf(group, name, 'perSecond')
      const cpu = seriesOf(group, name, 'cpu')
      const loop = seriesOf(group, name, 'loop')
      const row = { name, against, target, loopTarget, perSecond: summary(perSecond), cpu: summary(cpu), loop: summary(loop), loadBusy: summary(seriesOf(group, name, 'loadBusy')) }
      const ratioTo = (other) => summary(divided(perSecond, seriesOf(group, other, 'perSecond')))
      if (beats !== undefined) row.beats = beats.map((other) => ({ name: other, ratio: ratioTo(other) }))
      if (against === undefined) return row
      row.ratio = ratioTo(against)
      row.cpuRatio = summary(divided(seriesOf(group, against, 'cpu'), cpu))
      row.loopRatio = summary(divided(loop, seriesOf(group, against, 'loop')))
      if (target !== undefined) row.pass = row.ratio.median >= target
      return row
    })
  }))
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

/** The report as text: a table per group, then the targets. */
export function format (summaries) {
  const tables = summaries.map(({ title, rows }) => `${title}\n${table(rows)}`)
  const rows = summaries.flatMap((group) => group.rows)
  const targets = rows.filter(({ target }) => target !== undefined).map(({ name, against, ratio, target, pass }) =>
    `${pass ? 'PASS' : 'MISS'}  ${fixed(2)(ratio.median)} (target ${fixed(2)(target)})  ${name} / ${against}`)
  const loops = rows.filter(({ loopTarget }) => loopTarget !== undefined).map(({ name, against, loopRatio, loopTarget }) =>
    `${loopRatio.median <= loopTarget ? 'PASS' : 'MISS'}  ${fixed(2)(loopRatio.median)} (at most ${fixed(2)(loopTarget)})  event loop of ${name} / ${against}`)
  const beaten = rows.flatMap(({ name, beats = [] }) => beats.map((other) =>
    `${other.ratio.median > 1 ? 'PASS' : 'MISS'}  ${fixed(2)(other.ratio.median)} (more than 1)  ${name} / ${other.name}`))
  const slow = rows.filter(({ loadBusy }) => loadBusy.median > 0.9)
    .map(({ name, loadBusy }) => `NOTE  the load generator was ${whole(loadBusy.median * 100)} % busy and may have been the limit: ${name}`)
  return [...tables, [...targets, ...loops, ...beaten, ...slow].join('\n')].join('\n\n')
}
