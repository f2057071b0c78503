import type { FastifyBaseLogger, FastifyRequest } from 'fastify'

// The fields in which proxies forward the address of the client.
const FIELDS = [
  'forwarded', 'x-forwarded-for', 'x-real-ip', 'cf-connecting-ip', 'true-client-ip', 'fastly-client-ip', 'x-client-ip', 'x-cluster-client-ip',
  'x-envoy-external-address', 'x-azure-clientip', 'cloudfront-viewer-address'
] as const

/**
 * Creates a check that warns once if requests pass through a proxy but Fastify's `trustProxy` is not set. Then all clients have the
 * address of the proxy, and ten wrong secrets lock out a client for all requests through the proxy.
 */
export function createProxyCheck (log: FastifyBaseLogger): (request: FastifyRequest) => void {
  let hasWarned = false
  return ({ headers, ips }) => {
    // With trustProxy, Fastify provides an array of addresses for each request.
    if (hasWarned || ips !== undefined) return
    const field = FIELDS.find((name) => headers[name] !== undefined)
    if (field === undefined) return
    hasWarned = true
    log.warn({ oauth: { field } }, `Requests arrive with the field ${field}, and trustProxy is not set: failed authentication is counted by the address of the ` +
      'proxy, so that one caller can lock a client out for all others. Set trustProxy of Fastify to the addresses of your proxy')
  }
}
