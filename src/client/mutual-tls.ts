import type { Dispatcher } from 'undici'
import { load } from './or-function.ts'
import type { OrFunction } from './or-function.ts'

/** A client certificate for mutual TLS (RFC 8705), as `tls.connect` takes its parts. */
export interface ClientCertificate {
  /** PEM. */
  key: string | Uint8Array
  /** PEM, with the chain. */
  cert: string | Uint8Array
  passphrase?: string
  /** Certificates of the authorities that servers are trusted by. Default those of Node.js. */
  ca?: string | Uint8Array | ReadonlyArray<string | Uint8Array>
}

/** A fetch of undici. */
export interface DispatcherFetch {
  readonly fetch: typeof fetch
  /** Closes the connections that it has opened. */
  readonly close: () => Promise<void>
}

/** Returns a fetch that sends by a dispatcher of the application. */
export function fetchByDispatcher (dispatcher: Dispatcher): DispatcherFetch {
  return { fetch: (input, init) => fetchBy(dispatcher, String(input), init), close: async () => {} }
}

/** Returns a fetch that presents a certificate. A certificate that has changed gets connections of its own. */
export function fetchByCertificate (certificate: OrFunction<ClientCertificate>): DispatcherFetch {
  let present: { key: ClientCertificate['key'], cert: ClientCertificate['cert'], agent: Promise<Dispatcher> } | undefined
  return {
    async fetch (input, init) {
      const { key, cert, passphrase, ca } = await load('certificate', certificate)
      if (present === undefined || present.key !== key || present.cert !== cert) {
        // The requests that are under way end first.
        present?.agent.then((agent) => agent.close()).catch(() => {})
        const connect = { key, cert, ...passphrase !== undefined && { passphrase }, ...ca !== undefined && { ca } }
        present = { key, cert, agent: import('undici').then(({ Agent }) => new Agent({ connect: connect as object })) }
      }
      return await fetchBy(await present.agent, String(input), init)
    },
    async close () {
      await (await present?.agent)?.close()
      present = undefined
    }
  }
}

// The classes of undici are not the global ones: of those it takes plain values only.
async function fetchBy (dispatcher: Dispatcher, url: string, { body, headers, ...init }: RequestInit = {}): Promise<Response> {
  const { fetch } = await import('undici')
  const fields = new Headers(headers)
  let content: unknown = body
  if (body instanceof FormData || body instanceof Blob || body instanceof URLSearchParams) {
    const whole = new Response(body)
    const type = whole.headers.get('content-type')
    if (type !== null && !fields.has('content-type')) fields.set('content-type', type)
    content = new Uint8Array(await whole.arrayBuffer())
  }
  return await fetch(url, { ...init, headers: Object.fromEntries(fields), body: content ?? null, dispatcher } as object) as unknown as Response
}
