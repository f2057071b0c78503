import type { webcrypto } from 'node:crypto'

/** The members of a Swagger UI request that the interceptor reads and changes. */
interface PageRequest {
  url: string
  method: string
  headers: Record<string, string>
  body?: unknown
  userFetch?: typeof fetch
}

/** State that lasts as long as the page: its key, and the latest nonce per endpoint kind and origin. */
interface PageState {
  readonly keys: Promise<webcrypto.CryptoKeyPair>
  readonly nonces: Map<string, string>
}

/**
 * Adds a DPoP proof to each request of Swagger UI (RFC 9449). Pass it as `requestInterceptor` in the `uiConfig` of
 * `@fastify/swagger-ui`. The page generates a non-extractable key when it loads. Authorize then obtains a DPoP token, and
 * Execute uses it. A request that the server answers with `use_dpop_nonce` is sent again with the nonce.
 *
 * A token that `persistAuthorization` has stored is unusable after a reload, because the key is lost. Does nothing in a page
 * served over plain http, except on localhost: browsers offer Web Crypto in secure contexts only.
 *
 * @example
 * await app.register(swaggerUi, { uiConfig: { requestInterceptor: dpopRequestInterceptor } })
 */
// Swagger UI inserts the source text of this function into the page. So it uses no outer variable, keeps its state on itself,
// and defines its helpers as methods: bundlers wrap other named functions in a helper that the page does not have.
export async function dpopRequestInterceptor<R extends object> (request: R): Promise<R> {
  const sent = request as unknown as PageRequest
  const isTokenRequest = typeof sent.body === 'string' && /(?:^|&)grant_type=/.test(sent.body)
  // Swagger UI derives the scheme from the token_type of the token response.
  const token = /^DPoP (.+)$/i.exec(sent.headers?.Authorization ?? '')?.[1]
  if ((!isTokenRequest && token === undefined) || globalThis.crypto.subtle === undefined) return request

  const self = dpopRequestInterceptor as { page?: PageState }
  const { keys, nonces } = self.page ??= {
    keys: crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>,
    nonces: new Map()
  }
  const { origin, pathname } = new URL(sent.url)
  // Nonces of the authorization server and of the resource server are kept apart (RFC 9449 §9), even with one origin.
  const side = `${isTokenRequest ? 'token' : 'resource'} ${origin}`
  const send = sent.userFetch ?? fetch

  const proofs = {
    base64url (bytes: Uint8Array): string {
      return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
    },

    async hash (text: string): Promise<string> {
      return proofs.base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))
    },

    async make (): Promise<string> {
      const { privateKey, publicKey } = await keys
      const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey)
      const claims = {
        jti: crypto.randomUUID(),
        htm: sent.method.toUpperCase(),
        htu: `${origin}${pathname}`,
        iat: Math.floor(Date.now() / 1000),
        nonce: nonces.get(side),
        ath: token && await proofs.hash(token)
      }
      const signed = [{ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } }, claims]
        .map((part) => proofs.base64url(new TextEncoder().encode(JSON.stringify(part)))).join('.')
      const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, new TextEncoder().encode(signed))
      return `${signed}.${proofs.base64url(new Uint8Array(signature))}`
    },

    /** Stores the nonce of a response, and returns whether the response requires that nonce. */
    async isWanted (response: Response): Promise<boolean> {
      const nonce = response.headers.get('dpop-nonce')
      if (nonce === null) return false
      nonces.set(side, nonce)
      if (response.ok) return false
      const error = isTokenRequest ? await response.clone().text() : String(response.headers.get('www-authenticate'))
      return error.includes('use_dpop_nonce')
    }
  }

  sent.headers.DPoP = await proofs.make()
  Object.assign(sent, {
    async userFetch (...[url, init]: Parameters<typeof fetch>): Promise<Response> {
      const response = await send(url, init)
      if (!await proofs.isWanted(response)) return response
      sent.headers.DPoP = await proofs.make()
      const second = await send(url, { ...init, headers: sent.headers })
      await proofs.isWanted(second)
      return second
    }
  })
  return request
}
