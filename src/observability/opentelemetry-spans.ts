import type { RequestEvent, TokenDenied, TokenRejected } from '../events/event-types.ts'
import { monotonic } from '../lib/clock.ts'
import { checkArgument, checkOptions, flag, required, withMethods } from '../options/check-options.ts'
import type { OptionsDescription, Rule } from '../options/check-options.ts'
import { listen } from './listen.ts'

type Attributes = Record<string, string | number | string[] | undefined>

/** The part of a tracer of `@opentelemetry/api` that is used here. */
export interface SpanTracer {
  startSpan (name: string, options: { startTime: number, attributes: Attributes }): {
    setStatus (status: { code: number }): unknown
    end (time: number): void
  }
}

/** Options of {@link openTelemetrySpans}. */
export interface OpenTelemetrySpansOptions {
  /** Whether verifications of valid tokens create spans too. Default true. */
  verified?: boolean
}

const TRACER: Rule<SpanTracer> = { ...withMethods<SpanTracer>('a tracer of @opentelemetry/api', 'startSpan'), fix: 'Pass trace.getTracer(...)' }

/** The options of openTelemetrySpans. */
export const OPENTELEMETRY_SPANS: OptionsDescription<OpenTelemetrySpansOptions> = { of: 'openTelemetrySpans', options: { verified: flag() } }

// SpanStatusCode.ERROR: by the semantic conventions, 4xx is not an error of a server span.
const ERROR = 2

/**
 * Creates a span of every decision about a request, below the span that is active: `oauth.token`, `oauth.introspection` and
 * `oauth.revocation` for requests of clients, `oauth.verify` for the token of a resource request, `oauth.authorize` if the
 * token is valid and the request is rejected. A successful introspection creates no span. A span has the status ERROR for 5xx
 * only.
 *
 * @param tracer of `@opentelemetry/api`
 * @returns a function that stops it
 * @example
 * openTelemetrySpans(trace.getTracer('fastify-client-credentials'))
 */
export function openTelemetrySpans (tracer: SpanTracer, options: OpenTelemetrySpansOptions = {}): () => void {
  checkArgument(tracer, required(TRACER), 'openTelemetrySpans', 'tracer')
  checkOptions(options, OPENTELEMETRY_SPANS)
  const { verified = true } = options
  // Spans are created from events, after the decision, so that the other code does not depend on tracing.
  const record = (name: string, { flow, duration }: RequestEvent, attributes: Attributes, status = 200) => {
    const end = monotonic()
    const span = tracer.startSpan(name, { startTime: end - duration * 1000, attributes: { 'oauth.flow': flow, ...attributes } })
    if (status >= 500) span.setStatus({ code: ERROR })
    span.end(end)
  }
  return listen({
    tokenIssued: (event) => record('oauth.token', event, {
      'oauth.client.id': event.clientId,
      'oauth.client.auth_method': event.method,
      'oauth.scope': [...event.scope],
      'oauth.token.type': event.tokenType,
      'oauth.token.expires_in': event.expiresIn,
      'oauth.token.audience': event.audience && [...event.audience]
    }),
    tokenDenied: (event) => record(`oauth.${event.endpoint}`, event, {
      ...failureOf(event), 'oauth.client.id': event.clientId, 'oauth.client.auth_method': event.method
    }, event.status),
    tokenRevoked: (event) => record('oauth.revocation', event, {
      'oauth.client.id': event.clientId, 'oauth.client.auth_method': event.method, 'oauth.token.id': event.tokenId
    }),
    tokenRejected: (event) => record(event.clientId === undefined ? 'oauth.verify' : 'oauth.authorize', event, {
      ...failureOf(event), 'oauth.client.id': event.clientId, 'oauth.token.type': event.tokenType, 'oauth.scope.needed': [...event.needed]
    }, event.status),
    ...(verified && {
      tokenVerified: (event) => record('oauth.verify', event, {
        'oauth.client.id': event.clientId, 'oauth.scope': [...event.scope], 'oauth.token.type': event.tokenType
      })
    })
  })
}

function failureOf ({ error, status }: TokenDenied | TokenRejected): Attributes {
  return { 'error.type': error, 'http.response.status_code': status }
}
