import type { Dispatcher } from 'undici'
import { retryReasonOf } from './challenges.ts'
import type { RetryReason } from './challenges.ts'
import { publish } from './events.ts'
import { internalsOf } from './oauth-client.ts'
import type { OAuthClient, OAuthClientInternals } from './oauth-client.ts'
import type { HeldToken } from './token-source.ts'

type Options = Dispatcher.DispatchOptions
type Handler = Dispatcher.DispatchHandler
type Dispatch = Dispatcher['dispatch']

/**
 * Returns an interceptor for a dispatcher of undici: it adds a token to each request to an allowed origin, and leaves requests to
 * other origins as they are. A request that is rejected as `invalid_token`, or for want of a DPoP nonce, is sent once more if its
 * body is a string or bytes; otherwise the response is passed on.
 *
 * @example
 * const dispatcher = new Agent().compose(oauthInterceptor(api))
 */
export function oauthInterceptor (client: OAuthClient): Dispatcher.DispatcherComposeInterceptor {
  const internals = internalsOf(client)
  return (dispatch) => (options, handler) => {
    const url = new URL(options.path, String(options.origin))
    if (!internals.allowedOrigins.has(url.origin)) return dispatch(options, handler)
    return new TokenHandler(internals, dispatch, options, handler, url).start()
  }
}

class TokenHandler implements Handler {
  readonly #internals: OAuthClientInternals
  readonly #dispatch: Dispatch
  readonly #options: Options
  readonly #handler: Handler
  readonly #url: URL
  readonly #reasons = new Set<RetryReason>()
  #held: HeldToken | undefined
  // Hands the header fields of the response to the prover, and settles once it has taken the nonce.
  #answered: ((headers: Record<string, string>) => void) | undefined
  #proven: Promise<unknown> | undefined
  #isRetrying = false

  constructor (internals: OAuthClientInternals, dispatch: Dispatch, options: Options, handler: Handler, url: URL) {
    this.#internals = internals
    this.#dispatch = dispatch
    this.#options = options
    this.#handler = handler
    this.#url = url
  }

  /** Sends the request. @returns whether more may follow, as `dispatch` does */
  start (): boolean {
    const held = this.#internals.source.current()
    if (held !== undefined) return this.#send(held)
    this.#internals.source.obtain().then((token) => this.#send(token)).catch((error: unknown) => this.#fail(error))
    return true
  }

  #send (held: HeldToken): boolean {
    this.#held = held
    const fields = fieldsOf(this.#options.headers).filter(([name]) => !/^(?:authorization|dpop)$/i.test(name))
    const send = (...added: Array<[string, string]>): boolean => this.#dispatch({ ...this.#options, headers: [...fields, ...added].flat() }, this)
    const { prover, accessToken } = held
    if (prover === undefined) return send(['authorization', `Bearer ${accessToken}`])
    this.#proven = prover.send(accessToken, this.#options.method, this.#url, new Headers(), (proven) => new Promise((resolve) => {
      this.#answered = (headers) => { resolve(new Response(null, { headers })) }
      send(...proven)
    })).catch((error: unknown) => this.#fail(error))
    return true
  }

  #fail (error: unknown): void {
    this.#handler.onResponseError?.(null as never, error as Error)
  }

  onRequestStart (controller: Dispatcher.DispatchController, context: unknown): void {
    this.#handler.onRequestStart?.(controller, context)
  }

  onRequestUpgrade (...values: Parameters<NonNullable<Handler['onRequestUpgrade']>>): void {
    this.#handler.onRequestUpgrade?.(...values)
  }

  onResponseStart (controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[]>, message?: string): void {
    const nonce = headers['dpop-nonce']
    this.#answered?.(typeof nonce === 'string' ? { 'dpop-nonce': nonce } : {})
    this.#isRetrying = status === 401 && this.#mayRetry(String(headers['www-authenticate'] ?? ''))
    if (!this.#isRetrying) this.#handler.onResponseStart?.(controller, status, headers as never, message)
  }

  onResponseData (controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#isRetrying) this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd (controller: Dispatcher.DispatchController, trailers: Record<string, string | string[]>): void {
    if (!this.#isRetrying) {
      this.#handler.onResponseEnd?.(controller, trailers as never)
      return
    }
    this.#isRetrying = false
    // The next proof needs the nonce of this response.
    if (this.#proven === undefined) this.start()
    else this.#proven.then(() => this.start()).catch((error: unknown) => this.#fail(error))
  }

  onResponseError (controller: Dispatcher.DispatchController, error: Error): void {
    this.#answered?.({})
    this.#handler.onResponseError?.(controller, error)
  }

  #mayRetry (fields: string): boolean {
    const { source, event } = this.#internals
    const reason = retryReasonOf(fields)
    const held = this.#held
    if (reason === undefined || reason === 'invalid_dpop_proof' || held === undefined || this.#reasons.has(reason)) return false
    if (reason === 'invalid_token' ? !source.reject(held) : held.prover === undefined) return false
    this.#reasons.add(reason)
    const { body, method } = this.#options
    const isReplayed = body === undefined || body === null || typeof body === 'string' || ArrayBuffer.isView(body)
    publish('request.retried', () => ({ ...event, origin: this.#url.origin, method, reason, isReplayed }))
    return isReplayed
  }
}

// undici takes a flat array, pairs, or an object.
function fieldsOf (headers: Options['headers']): Array<[string, string]> {
  if (headers === undefined || headers === null) return []
  if (Array.isArray(headers) && typeof headers[0] === 'string') {
    return Array.from({ length: headers.length / 2 }, (_, index) => [String(headers[index * 2]), String(headers[index * 2 + 1])])
  }
  const pairs = (Symbol.iterator in headers ? [...headers] : Object.entries(headers)) as Array<[string, string | string[] | undefined]>
  return pairs.flatMap(([name, value]) => value === undefined ? [] : [value].flat().map((item): [string, string] => [name, item]))
}
