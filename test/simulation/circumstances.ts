// What a plan has beside its faults: a simulation in which none of it occurs proves nothing about it.
import type { Plan } from './plan.ts'

// Milliseconds. Operations that are no silence apart follow each other faster.
const SILENCE = 1000
const HOUR = 3_600_000

/** Names what a plan has. */
export function circumstancesOf ({ config, operations, endsAt }: Plan): string[] {
  const times = [...operations.map(({ at }) => at), endsAt]
  const longest = Math.max(0, ...times.slice(1).map((at, index) => at - times[index]!))
  return Object.entries({
    'clock skew': config.skew > 0,
    'opaque tokens': config.tokens === 'opaque',
    'guard without the registry': config.guards > 0,
    'flow without the registry': !config.hasRegistry,
    'hop by introspection': config.introspectors > 0,
    'hop by JWKS': config.jwksReaders > 0,
    'second database': config.hasSecondDatabase,
    silence: longest > SILENCE,
    'silence of an hour': longest > HOUR
  }).filter(([, isMet]) => isMet).map(([name]) => name)
}
