// Parts that most clients do not need are loaded on first use: key support and undici.
import type { LoadProver } from './dpop.ts'
import type { DispatcherFetch } from './mutual-tls.ts'
import type { OAuthClientOptions } from './options.ts'
import type { ServerClock } from './server-clock.ts'

/** Returns the fetch that the options ask for. */
export function transportOf (options: OAuthClientOptions): DispatcherFetch {
  const { certificate, dispatcher } = options
  if (certificate === undefined && dispatcher === undefined) return { fetch: options.fetch ?? globalFetch, close: async () => {} }
  let loaded: Promise<DispatcherFetch> | undefined
  const load = (): Promise<DispatcherFetch> => {
    loaded ??= import('./mutual-tls.ts').then(({ fetchByCertificate, fetchByDispatcher }) => certificate === undefined ? fetchByDispatcher(dispatcher!) : fetchByCertificate(certificate))
    return loaded
  }
  return { fetch: async (input, init) => await (await load()).fetch(input, init), close: async () => { await (await loaded)?.close() } }
}

/** Returns the loader of the prover that the option `dpop` asks for. */
export function proversOf (dpop: OAuthClientOptions['dpop'] = false, clock: ServerClock): LoadProver {
  if (dpop === false) return async () => undefined
  let loaded: Promise<LoadProver> | undefined
  return async () => {
    loaded ??= import('./dpop.ts').then(({ proverOf }) => proverOf(dpop, clock))
    return await (await loaded)()
  }
}

// Looked up at each call: applications replace it, for tests and instrumentation.
const globalFetch: typeof fetch = (input, init) => fetch(input, init)
