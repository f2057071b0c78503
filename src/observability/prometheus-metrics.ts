import { checkArgument, checkOptions, hasMethods, nested, required, withMethods } from '../options/check-options.ts'
import type { OptionsDescription, Rule } from '../options/check-options.ts'
import { CLIENT_LABEL, clientLabels } from './client-labels.ts'
import type { ClientLabelOptions } from './client-labels.ts'
import { listen } from './listen.ts'

type Labels = Record<string, string | number>

/** The configuration of a metric. */
interface Configuration<Register> {
  name: string
  help: string
  labelNames: string[]
  registers: Register[]
}

/** The part of a registry of prom-client that is used here. */
export interface PrometheusRegister {
  removeSingleMetric (name: string): void
}

/** The part of prom-client that is used here. */
export interface PrometheusClient<Register> {
  readonly register: PrometheusRegister
  readonly Counter: new (configuration: Configuration<Register>) => { inc (labels: Labels): void }
  readonly Histogram: new (configuration: Configuration<Register> & { buckets: number[] }) => { observe (labels: Labels, value: number): void }
}

/** Options of {@link prometheusMetrics}. */
export interface PrometheusMetricsOptions<Register> {
  /** The registry. Default the global one of prom-client. */
  register?: Register
  /** Adds a label for authenticated clients to the counters of tokens. Default false. */
  clientLabel?: false | ClientLabelOptions
}

const PROM_CLIENT: Rule<PrometheusClient<PrometheusRegister>> = {
  accepts: (value) => hasMethods(value, ['Counter', 'Histogram']) && hasMethods((value as PrometheusClient<PrometheusRegister>).register, ['removeSingleMetric']),
  demand: 'the module prom-client, with Counter, Histogram and register',
  fix: 'Pass the module: import promClient from "prom-client"'
}
const LABEL = nested(CLIENT_LABEL)

/** The options of prometheusMetrics. */
export const PROMETHEUS_METRICS: OptionsDescription<PrometheusMetricsOptions<PrometheusRegister>> = {
  of: 'prometheusMetrics',
  options: {
    register: withMethods<PrometheusRegister>('a registry of prom-client', 'removeSingleMetric'),
    clientLabel: {
      accepts: (value, options) => value === false || LABEL.accepts(value, options),
      demand: 'false, or an object with the option max',
      inside: (value, path) => { if (value !== false) LABEL.inside?.(value, path) }
    }
  }
}

// Seconds. Verifying a cached token takes a few microseconds, comparing an imported secret a tenth of a second.
const BUCKETS = [0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]

/**
 * Counts decisions with prom-client, as `oauth_*`. Labels have values of the configuration and of the RFCs, never values that
 * an unauthenticated caller chooses.
 *
 * @param promClient the module
 * @returns a function that stops counting, and removes the metrics from the registry
 * @throws what prom-client throws when the registry has metrics of these names
 * @example
 * prometheusMetrics(promClient)
 * app.get('/metrics', async (request, reply) => reply.type(promClient.register.contentType).send(await promClient.register.metrics()))
 */
export function prometheusMetrics<Register extends PrometheusRegister> (
  promClient: PrometheusClient<Register>,
  options: PrometheusMetricsOptions<NoInfer<Register>> = {}
): () => void {
  checkArgument(promClient, required(PROM_CLIENT), 'prometheusMetrics', 'promClient')
  checkOptions(options, PROMETHEUS_METRICS)
  const { Counter, Histogram } = promClient
  const { register = promClient.register as Register, clientLabel = false } = options
  const names: string[] = []
  const common = (name: string, help: string, labelNames: string[]) => {
    names.push(name)
    return { name, help, labelNames, registers: [register] }
  }
  const counter = (name: string, help: string, ...labelNames: string[]) => new Counter(common(name, help, labelNames))

  const labelOf = clientLabels(clientLabel)
  const byClient = (name: string, help: string, ...labelNames: string[]) => {
    const metric = counter(name, help, ...labelNames, ...(labelOf ? ['client'] : []))
    return (clientId: string | undefined, labels: Labels) => metric.inc(labelOf ? Object.assign(labels, labelOf(clientId)) : labels)
  }

  const issued = byClient('oauth_tokens_issued_total', 'Access tokens that were issued', 'flow', 'method', 'token_type')
  const denied = byClient('oauth_requests_denied_total', 'Requests of clients that were refused or have failed', 'flow', 'endpoint', 'method', 'error', 'status')
  const verified = byClient('oauth_tokens_verified_total', 'Access tokens of resource requests that were valid', 'flow', 'token_type')
  const rejected = byClient('oauth_requests_rejected_total', 'Resource requests that were refused or could not be verified', 'flow', 'token_type', 'error', 'status')
  const revoked = byClient('oauth_tokens_revoked_total', 'Access tokens that their clients have revoked', 'flow', 'method')
  const keysRotated = counter('oauth_keys_rotated_total', 'Signing keys that this process has made', 'alg')
  const keysRevoked = counter('oauth_keys_revoked_total', 'Signing keys that this process has revoked')
  const clientChanges = counter('oauth_client_changes_total', 'Changes to clients that this process has made', 'change')
  const administration = counter('oauth_administration_total', 'Changes that administrators have made, in this process, in another one or by the command line', 'object', 'change')
  const duration = new Histogram({
    ...common('oauth_decision_duration_seconds', 'Time that decisions took', ['flow', 'decision']),
    buckets: BUCKETS
  })

  const stop = listen({
    tokenIssued ({ flow, method, tokenType, clientId, duration: took }) {
      issued(clientId, { flow, method, token_type: tokenType })
      duration.observe({ flow, decision: 'issued' }, took)
    },
    tokenDenied ({ flow, endpoint, method = '', error, status, clientId, duration: took }) {
      denied(clientId, { flow, endpoint, method, error, status })
      duration.observe({ flow, decision: 'denied' }, took)
    },
    tokenVerified ({ flow, tokenType = '', clientId, duration: took }) {
      verified(clientId, { flow, token_type: tokenType })
      duration.observe({ flow, decision: 'verified' }, took)
    },
    tokenRejected ({ flow, tokenType = '', error, status, clientId, duration: took }) {
      rejected(clientId, { flow, token_type: tokenType, error, status })
      duration.observe({ flow, decision: 'rejected' }, took)
    },
    tokenRevoked ({ flow, method, clientId, duration: took }) {
      revoked(clientId, { flow, method })
      duration.observe({ flow, decision: 'revoked' }, took)
    },
    keyRotated: ({ alg }) => keysRotated.inc({ alg }),
    keyRevoked: () => keysRevoked.inc({}),
    clientChanged: ({ change }) => clientChanges.inc({ change }),
    administrationRecorded: ({ object, change }) => administration.inc({ object, change })
  })
  return () => {
    stop()
    for (const name of names) register.removeSingleMetric(name)
  }
}
