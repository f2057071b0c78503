// Mutation testing of src and plugin: node run.js [PART...]. Fails below the score that is demanded.
import { join } from 'node:path'
import { Stryker } from '@stryker-mutator/core'
import { optionsOf, PARTS } from './options.js'

const DEMANDED = 90

const root = join(import.meta.dirname, '../..')
process.chdir(root)
const parts = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS)
const rows = []
for (const part of parts) {
  if (!Object.hasOwn(PARTS, part)) throw new RangeError(`${part} is none of ${Object.keys(PARTS).join(', ')}`)
  const results = await new Stryker(optionsOf(part, root)).runMutationTest()
  const count = (status) => results.filter((result) => result.status === status).length
  rows.push({ part, killed: count('Killed'), timeout: count('Timeout'), survived: count('Survived'), 'no coverage': count('NoCoverage'), ignored: count('Ignored'), error: count('RuntimeError') + count('CompileError') })
}
const sum = (name) => rows.reduce((total, row) => total + row[name], 0)
rows.push({ part: 'all', ...Object.fromEntries(Object.keys(rows[0]).slice(1).map((name) => [name, sum(name)])) })
for (const row of rows) row.score = Math.round(1000 * (row.killed + row.timeout) / (row.killed + row.timeout + row.survived + row['no coverage'])) / 10
console.table(rows)
if (!(rows.at(-1).score >= DEMANDED)) process.exitCode = 1
