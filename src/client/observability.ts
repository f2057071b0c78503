import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { monotonic } from '../lib/clock.ts'
import { CHANNEL_PREFIX } from './events.ts'
import type { OAuthClientEvents } from './events.ts'

type Labels = Record<string, string | number>
type Listeners = { readonly [N in keyof OAuthClientEvents]?: (event: OAuthClientEvents[N]) => void }

/** The part of prom-client that is used here. */
export interface PrometheusLike<Register> {
  readonly register: Register
  readonly Counter: new (options: { name: string, help: string, labelNames: string[], registers: Register[] }) => { inc: (labels: Labels) => void }
  readonly Histogram: new (options: { name: string, help: string, labelNames: string[], registers: Register[] }) => { observe: (labels: Labels, value: number) => void }
}

/** The part of a tracer of `@opentelemetry/api` that is used here. */
export interface TracerLike {
  startSpan: (name: string, options: { startTime: number, attributes: Record<string, string | number | boolean | undefined> }) => {
    setStatus: (status: { code: number }) => unknown
    end: (time: number) => void
  }
}

// SpanStatusCode.ERROR
const ERROR = 2

/**
 * Counts token requests, reuses and retries of all clients of this process with prom-client, as `oauth_client_*`.
 *
 * @param promClient the module
 * @returns a function that ends it, and removes the metrics from the registry
 * @throws what prom-client throws when the registry has metrics of these names
 */
export function oauthClientMetrics<Register extends { removeSingleMetric: (name: string) => void }> (
  { Counter, Histogram, register: globalRegister }: PrometheusLike<Register>, { register = globalRegister }: { register?: Register } = {}
): () => void {
  const names: string[] = []
  const describe = (name: string, help: string, ...labels: string[]) => {
    names.push(name)
    return { name, help, labelNames: ['issuer', 'client_id', ...labels], registers: [register] }
  }
  const requested = new Histogram(describe('oauth_client_token_request_seconds', 'Time that successful token requests took'))
  const failed = new Counter(describe('oauth_client_token_failures_total', 'Token requests that failed', 'error'))
  const reused = new Counter(describe('oauth_client_tokens_reused_total', 'Uses of cached tokens'))
  const retried = new Counter(describe('oauth_client_requests_retried_total', 'Requests that the API rejected', 'reason'))
  const labelsOf = ({ issuer, clientId }: { issuer: string, clientId: string }) => ({ issuer, client_id: clientId })
  const stop = listen({
    'token.requested': (event) => { requested.observe(labelsOf(event), event.duration) },
    'token.failed': (event) => { failed.inc({ ...labelsOf(event), error: event.error }) },
    'token.reused': (event) => { reused.inc(labelsOf(event)) },
    'request.retried': (event) => { retried.inc({ ...labelsOf(event), reason: event.reason }) }
  })
  return () => {
    stop()
    for (const name of names) register.removeSingleMetric(name)
  }
}

/**
 * Creates a span `oauth.client.token` of every token request, below the span that is active.
 *
 * @param tracer of `@opentelemetry/api`
 * @returns a function that ends it
 */
export function oauthClientSpans (tracer: TracerLike): () => void {
  const record = ({ issuer, clientId, scope, duration }: { issuer: string, clientId: string, scope: string, duration: number }, attributes: Record<string, string | number | undefined>, isError: boolean) => {
    const end = monotonic()
    const span = tracer.startSpan('oauth.client.token', {
      startTime: end - duration * 1000,
      attributes: { 'oauth.issuer': issuer, 'oauth.client.id': clientId, 'oauth.scope': scope, ...attributes }
    })
    if (isError) span.setStatus({ code: ERROR })
    span.end(end)
  }
  return listen({
    'token.requested': (event) => { record(event, { 'oauth.token.type': event.tokenType, 'oauth.token.expires_in': event.expiresIn }, false) },
    'token.failed': (event) => { record(event, { 'error.type': event.error, 'http.response.status_code': event.status }, true) }
  })
}

function listen (listeners: Listeners): () => void {
  const subscriptions = Object.entries(listeners).map(([name, listener]) => [`${CHANNEL_PREFIX}${name}`, listener as (event: unknown) => void] as const)
  for (const [name, listener] of subscriptions) subscribe(name, listener)
  return () => { for (const [name, listener] of subscriptions) unsubscribe(name, listener) }
}
