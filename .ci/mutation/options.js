// What Stryker is run with.
import { readdirSync } from 'node:fs'

/** The parts that are judged one after the other, so that a run which is broken off has those that it has finished. */
export const PARTS = {
  'client-auth': ['src/client-auth/**/*.ts'],
  tokens: ['src/token-type/**/*.ts', 'src/access-token/**/*.ts', 'src/throttle/*.ts'],
  flow: ['src/flow/*.ts', 'src/endpoints/*.ts', 'src/resource-server/*.ts', 'src/http/*.ts', 'src/errors/*.ts'],
  keys: ['src/signing-keys/*.ts', 'src/jws/*.ts', 'src/http-client/*.ts', 'src/lib/**/*.ts'],
  clients: ['src/client-registry/**/*.ts'],
  entries: ['src/entries/*.ts'],
  plugin: ['plugin/**/*.ts', '!plugin/admin/*.ts'],
  admin: ['plugin/admin/*.ts'],
  store: ['src/stores/**/*.ts'],
  cli: ['src/cli/**/*.ts']
}

// Their subject is another program or the repository, which the mutant is not in, or they take long.
const LEFT_OUT = /(?:^|\/)(?:architecture|readme|swagger-ui|.*\.full)\.test\.ts$/
// Database servers, which start with each process of tests. They reach nothing else that others do not.
const OF_STORES = /(?:^|\/)(?:postgres|redis)\.test\.ts$/

/** @param root the repository */
export function optionsOf (part, root) {
  const files = readdirSync(`${root}/test`, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts') && !LEFT_OUT.test(name) && (part === 'store' || !OF_STORES.test(name)))
  return {
    testRunner: 'subtests',
    plugins: ['./.ci/mutation/test-runner.js', './.ci/mutation/wording.js'],
    ignorers: ['wording'],
    mutate: PARTS[part],
    buildCommand: 'npx tsc -p .ci/mutation/tsconfig.json',
    coverageAnalysis: 'perTest',
    concurrency: Number(process.env.CONCURRENCY ?? 2),
    // Where git and the linter do not look.
    tempDirName: '.tap/mutation',
    ignorePatterns: ['bench', 'dist', 'coverage', '.tap', '*.db'],
    reporters: ['progress-append-only', 'json', 'clear-text'],
    clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
    jsonReporter: { fileName: `coverage/mutation/${part}.json` },
    // What has not changed since is not judged again, after a run of all mutants.
    incremental: process.env.SAMPLE === undefined,
    incrementalFile: `coverage/mutation/${part}.incremental.json`,
    // Time limits are the runner's own.
    timeoutMS: 600_000,
    dryRunTimeoutMinutes: 60,
    warnings: { unknownOptions: false },
    subtests: {
      files: files.map((name) => `test/${name.replace(/ts$/, 'js')}`),
      // Milliseconds of processor time of tests after which a mutant has survived. Many are reached by all there are.
      budget: Number(process.env.BUDGET ?? 4000)
    }
  }
}
