// The figures of the last run of each group.
import { existsSync, readFileSync } from 'node:fs'

export const RESULTS = new URL('results.json', import.meta.url)

/** A summary for each group that was ever measured: see `summarize` in report.js. */
export function readResults () {
  return existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : []
}
