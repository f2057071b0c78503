// Plans that have failed once, as small as they could be made: each is run in every test.
import type { Config, Operation, Plan } from './plan.ts'

interface Regression {
  /** What was wrong. */
  readonly name: string
  readonly plan: Plan
}

const CONFIG: Config = {
  servers: 2,
  guards: 0,
  legacy: 0,
  introspectors: 0,
  jwksReaders: 0,
  tokens: 'jwt',
  hasSecondDatabase: false,
  isSynchronous: false,
  lag: 500,
  pageSize: 1000,
  tokenLifetime: 300,
  clockTolerance: 10,
  maxStale: 30,
  rotateEvery: 400,
  clients: 2,
  hasSlowSecret: false,
  skew: 0
}

function plan (seed: number, config: Partial<Config>, operations: readonly Operation[], endsAt: number): Plan {
  return { seed, config: { ...CONFIG, ...config }, operations, endsAt }
}

export const REGRESSIONS: readonly Regression[] = [
  {
    name: 'the loss of an own write is noticed though another own write has its position',
    plan: plan(2125, { clockTolerance: 5, tokenLifetime: 3600 }, [
      { at: 2201.0163997683876, kind: 'revoke secret', seed: 1916336230 },
      { at: 2217.9235758404843, kind: 'unfenced failover', seed: 1415444701 },
      { at: 2349.893294192457, kind: 'revoke all', seed: 395205433 }
    ], 161_454)
  },
  {
    name: 'the generation of all clients is never forgotten by the database alone',
    plan: plan(562, { servers: 3, hasSecondDatabase: true, pageSize: 1, clockTolerance: 5, maxStale: 3, clients: 3 }, [
      { at: 62575.042195079055, kind: 'remove', seed: 496935214 },
      { at: 63008.620927391145, kind: 'revoke all', seed: 189203707 },
      { at: 63011.7058544636, kind: 'add', seed: 304806495 },
      { at: 445630.28924800124, kind: 'token', seed: 2120046061 },
      { at: 445638.25033262064, kind: 'remove', seed: 2066170139 }
    ], 844_957)
  },
  {
    name: 'an attempt to start that gets no answer is given up',
    plan: plan(876, { servers: 2 }, [
      { at: 500, kind: 'cut', seed: 3 },
      { at: 600, kind: 'restart', seed: 3 },
      { at: 700, kind: 'restart', seed: 5 },
      { at: 800, kind: 'token', seed: 7 },
      { at: 900, kind: 'burst', seed: 9 }
    ], 100_000)
  },
  {
    name: 'a disabled client gets no token from who holds that, though a restored backup has it enabled',
    plan: plan(897, { isSynchronous: true, lag: 5000, tokenLifetime: 3600, clockTolerance: 5, maxStale: 600, rotateEvery: 86_400 }, [
      { at: 700, kind: 'backup', seed: 53166014 },
      { at: 1900, kind: 'disable', seed: 1324896810 },
      { at: 9000, kind: 'restore', seed: 283001766 }
    ], 20_000)
  }
]
