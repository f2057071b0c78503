// From samples of memory and handles to a verdict.
const MEGABYTE = 2 ** 20
// Megabytes that the heap may grow over the second half: what caches are filled with last, and what a fit is off by.
const HEAP_BOUND = 3
const HANDLE_BOUND = 10

function slope (points) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(points.map(([at]) => at))
  const y = mean(points.map(([, value]) => value))
  const spread = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0)
  return spread === 0 ? 0 : points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0) / spread
}

const handlesOf = ({ resources }) => Object.entries(resources).filter(([name]) => name !== 'Immediate').reduce((sum, [, count]) => sum + count, 0)

/** How much the second half has grown, by the line that fits it best. */
export function growth (samples) {
  const half = samples.slice(samples.length >> 1)
  const seconds = half.length < 2 ? 0 : half.at(-1).seconds - half[0].seconds
  const over = (valueOf) => slope(half.map((sample) => [sample.seconds, valueOf(sample)])) * seconds
  const heap = over(({ heapUsed }) => heapUsed / MEGABYTE)
  const external = over((sample) => sample.external / MEGABYTE)
  const handles = over(handlesOf)
  return {
    lines: [
      `second half, ${seconds} s: heap ${heap.toFixed(2)} MB (at most ${HEAP_BOUND}), external ${external.toFixed(2)} MB (at most ${HEAP_BOUND}), handles ${handles.toFixed(1)} (at most ${HANDLE_BOUND})`
    ],
    grown: heap > HEAP_BOUND || external > HEAP_BOUND || handles > HANDLE_BOUND
  }
}

/** A dozen of the samples as text. */
export function table (samples) {
  const step = Math.max(1, Math.floor(samples.length / 12))
  const rows = samples.filter((_, number) => number % step === 0 || number === samples.length - 1)
  const megabytes = (bytes) => (bytes / MEGABYTE).toFixed(1).padStart(9)
  return ['  seconds  heap MB   ext MB   rss MB  handles  p99 ms  rows', ...rows.map((sample) =>
    `${String(sample.seconds).padStart(9)}${megabytes(sample.heapUsed)}${megabytes(sample.external)}${megabytes(sample.rss)}${String(handlesOf(sample)).padStart(9)}${sample.p99.toFixed(1).padStart(8)}  ` +
    Object.entries(sample.rows).map(([name, count]) => `${name.replace('oauth_', '')} ${count}`).join(', '))].join('\n')
}
