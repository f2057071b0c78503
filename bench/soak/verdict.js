// From samples of memory and handles to a verdict.
const MEGABYTE = 2 ** 20
// What is bounded fills up in the first half: caches, and the code that is compiled.
const MB_PER_10_MINUTES = 1
const HANDLES_PER_10_MINUTES = 5
// Times the standard error: what the fit may be off by.
const SURE = 2
// Seconds of the second half. In less, nobody can tell growth from filling up.
const ENOUGH = 300
const TEN_MINUTES = 600

/** The line that fits points best: its slope, and the standard error of that. */
function fit (points) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(points.map(([at]) => at))
  const y = mean(points.map(([, value]) => value))
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0)
  const slope = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread
  const rest = points.reduce((sum, [at, value]) => sum + (value - y - slope * (at - x)) ** 2, 0)
  return { slope, error: Math.sqrt(rest / (points.length - 2) / spread) }
}

const handlesOf = ({ resources }) => Object.entries(resources).filter(([name]) => name !== 'Immediate').reduce((sum, [, count]) => sum + count, 0)
const JUDGED = [
  { name: 'heap MB', bound: MB_PER_10_MINUTES, valueOf: ({ heapUsed }) => heapUsed / MEGABYTE },
  { name: 'external MB', bound: MB_PER_10_MINUTES, valueOf: ({ external }) => external / MEGABYTE },
  { name: 'handles', bound: HANDLES_PER_10_MINUTES, valueOf: handlesOf }
]

/** How much the second half grows, as the slope of the line that fits it best, and whether that is too much for sure. */
export function growth (samples) {
  const half = samples.slice(samples.length >> 1)
  const seconds = half.length === 0 ? 0 : half.at(-1).seconds - half[0].seconds
  if (seconds < ENOUGH) return { lines: [`second half: ${seconds} s, too short to tell whether anything grows`], grown: [] }
  const figures = JUDGED.map(({ name, bound, valueOf }) => {
    const { slope, error } = fit(half.map((sample) => [sample.seconds, valueOf(sample)]))
    return { name, bound, per10Minutes: slope * TEN_MINUTES, error: error * TEN_MINUTES }
  })
  return {
    lines: figures.map(({ name, bound, per10Minutes, error }) =>
      `second half, ${seconds} s: ${name} per 10 minutes ${per10Minutes.toFixed(2)}, give or take ${(SURE * error).toFixed(2)} (at most ${bound})`),
    grown: figures.filter(({ bound, per10Minutes, error }) => per10Minutes - SURE * error > bound).map(({ name }) => name)
  }
}

/** A dozen of the samples as text. */
export function table (samples) {
  const step = Math.max(1, Math.floor(samples.length / 12))
  const rows = samples.filter((_, number) => number % step === 0 || number === samples.length - 1)
  const megabytes = (bytes) => (bytes / MEGABYTE).toFixed(1).padStart(9)
  return ['  seconds  heap MB   ext MB   rss MB  handles  p50 ms  p99 ms  in the stores', ...rows.map((sample) =>
    `${String(sample.seconds).padStart(9)}${megabytes(sample.heapUsed)}${megabytes(sample.external)}${megabytes(sample.rss)}` +
    `${String(handlesOf(sample)).padStart(9)}${sample.delay.p50.toFixed(1).padStart(8)}${sample.delay.p99.toFixed(1).padStart(8)}  ` +
    Object.entries(sample.sizes).map(([name, size]) => `${name} ${size}`).join(', '))].join('\n')
}
