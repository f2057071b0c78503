// A few seconds of what npm run soak does for half an hour.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { test } from 'tap'
import { plainEnvironment } from '../support/program.ts'

test('every answer under a mixed load is the one that must come', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, ['bench/soak/run.js'], { env: { ...plainEnvironment(), SOAK_MINUTES: '0.05', SOAK_LOOPS: '16' } })
  t.match(stdout, 'PASS  it stays as it is')
})
