import type { webcrypto } from 'node:crypto'

/** As much of a request of Swagger UI as is read and changed here. */
interface PageRequest {
  url: string
  method: string
  headers: Record<string, string>
  body?: unknown
  userFetch?: typeof fetch
}

/** What lasts as long as a page: its key, and the last nonce of each side of each server. */
interface PageState {
  readonly keys: Promise<webcrypto.CryptoKeyPair>
  readonly nonces: Map<string, string>
}

/**
 * Has Swagger UI prove with each request that it has the key which its tokens are bound to (RFC 9449): the
 * `requestInterceptor` in the `uiConfig` of `@fastify/swagger-ui`. The page makes a key when it is loaded, which cannot be
 * read out of it; Authorize then gets a DPoP token, and Execute uses it. A nonce that a server wants is put in, and the
 * request sent again.
 *
 * A token that `persistAuthorization` has kept is of no use once its page is gone. Does nothing in a page of plain http,
 * except on localhost: browsers have no keys there.
 *
 * @example
 * await app.register(swaggerUi, { uiConfig: { requestInterceptor: dpopRequestInterceptor } })
 */
// It runs in the page, where its source text is put. So it uses nothing from around it, keeps what lasts on itself, and its
// functions are methods: tools that keep the names of other functions call something for it which is not there.
export async function dpopRequestInterceptor<R extends object> (request: R): Promise<R> {
  const sent = request as unknown as PageRequest
  const isTokenRequest = typeof sent.body === 'string' && /(?:^|&)grant_type=/.test(sent.body)
  // Swagger UI takes the scheme from the token_type of the token.
  const token = /^DPoP (.+)$/i.exec(sent.headers?.Authorization ?? '')?.[1]
  if ((!isTokenRequest && token === undefined) || globalThis.crypto.subtle === undefined) return request

  const self = dpopRequestInterceptor as { page?: PageState }
  const { keys, nonces } = self.page ??= {
    keys: crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>,
    nonces: new Map()
  }
  const { origin, pathname } = new URL(sent.url)
  // Nonces of the two sides are never taken for each other (RFC 9449 §9), though they have one origin here.
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

    /** Keeps the nonce of an answer, and tells whether it is an answer that wants it. */
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
