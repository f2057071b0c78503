import type { FastifyBaseLogger, FastifyRequest, RouteOptions } from 'fastify'
import { holdsSecret, plainParameterName, queryStarts, redactSecrets } from '../src/adapter.ts'
import { MemoryStore } from '../src/index.ts'

// The public symbol of pino for the serializers of a logger.
const PINO_SERIALIZERS = Symbol.for('pino.serializers')
// Parameters that RFC 6749 §2.3.1 and RFC 6750 §2.3 forbid in the URL, because URLs are logged.
const SECRET_PARAMETERS = new Set(['access_token', 'client_secret', 'client_assertion', 'token'])
const PARAMETER = /(^[?#;]|&)([^=&#]*)=([^&]*)/g

interface Serializers { req?: (request: FastifyRequest) => { url?: unknown } }

/**
 * Redacts secrets in logged URLs of a route: the value of each parameter that should not be in a URL, and generated secrets and JWTs
 * in any position. Does not change other output of the serializers of the route, its encapsulation context or the application.
 * Without a serializer, no URL is logged.
 */
export function redactUrls (route: RouteOptions, log: FastifyBaseLogger): void {
  const own = route.logSerializers as Serializers | undefined
  const serialize = own?.req ?? (log as { [PINO_SERIALIZERS]?: Serializers })[PINO_SERIALIZERS]?.req
  if (serialize === undefined) return
  const redacting: Serializers = {
    req (request) {
      const serialized = serialize(request)
      if (typeof serialized?.url !== 'string') return serialized
      const url = redactSecrets(queryStarts(serialized.url).reduce(redact, serialized.url))
      return url === serialized.url ? serialized : { ...serialized, url }
    }
  }
  route.logSerializers = Object.assign(Object.create(own ?? null), redacting)
}

function redact (url: string, start: number): string {
  return url.slice(0, start) + url.slice(start).replace(PARAMETER, (parameter: string, separator: string, name: string, value: string) =>
    SECRET_PARAMETERS.has(plainParameterName(name)) || holdsSecret(value) ? `${separator}${name}=[redacted]` : parameter)
}

/** Warns about a memory store in production, which loses its data at a restart. */
export function warnOfMemoryStore (log: FastifyBaseLogger): void {
  if (process.env.NODE_ENV !== 'production' || !MemoryStore.isInUse) return
  log.warn('A MemoryStore is in use: what it keeps is lost when this process ends, and no other process sees it. In production, use sqliteStore, postgresStore or redisStore')
}
