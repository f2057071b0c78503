// A plan that each test runs.
import type { Config, Operation, Plan } from './plan.ts'

export interface Regression {
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
  hasRegistry: true,
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

/** A plan that differs from most in a few settings. */
export function plan (seed: number, config: Partial<Config>, operations: readonly Operation[], endsAt: number): Plan {
  return { seed, config: { ...CONFIG, ...config }, operations, endsAt }
}
