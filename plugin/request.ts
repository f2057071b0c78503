import type { ClientCertificate, FormParameters, PlainRequest } from '../src/adapter.ts'
import type { TokenRequest } from '../src/index.ts'
import type { CertificateReader, CertifiedRequest } from './client-certificate/tls-socket.ts'
import { fieldValue } from './header-fields.ts'

/** The members of Fastify's request that are read here. Every request fits, with any type provider, server and route generics. */
export interface ReadableRequest {
  readonly method: string
  readonly url: string
  /** The URL that the client sent, before Fastify's `rewriteUrl`. */
  readonly originalUrl: string
  readonly body: unknown
  /** The address of the peer, or of the client behind a proxy that Fastify's trustProxy covers. */
  readonly ip: string
  readonly id: string
  readonly raw: CertifiedRequest
}

/** Configuration that completes the data of a request. */
export interface RequestContext {
  /** The public URL of this server. Undefined if it is not configured. */
  readonly origin: string | undefined
  readonly certificateOf: CertificateReader
}

/** Adapts Fastify's request to a plain request, without copying. */
export class FastifyPlainRequest implements PlainRequest {
  readonly #request: ReadableRequest
  readonly #context: RequestContext

  constructor (request: ReadableRequest, context: RequestContext) {
    this.#request = request
    this.#context = context
  }

  get method (): string {
    return this.#request.method
  }

  // RFC 9449 §4.3: proofs contain the URL that the client uses.
  get url (): string {
    return this.#request.originalUrl
  }

  get origin (): string | undefined {
    return this.#context.origin
  }

  get address (): string {
    return this.#request.ip
  }

  get id (): string {
    return this.#request.id
  }

  clientCertificate (): ClientCertificate | undefined {
    return this.#context.certificateOf(this.#request.raw)
  }

  header (name: string): string | undefined {
    return fieldValue(this.#request.raw.rawHeaders, name)
  }
}

/** The members of Fastify's reply that detect a disconnected client. Uses the response, because the request closes once it was read. */
export interface ClosableReply {
  readonly raw: { once (event: 'close', listener: () => void): unknown }
}

/** Adapts Fastify's request, with its body parsed as a form, to a token request. */
export class FastifyTokenRequest extends FastifyPlainRequest implements TokenRequest {
  readonly form: FormParameters

  readonly #reply: ClosableReply

  constructor (request: ReadableRequest, context: RequestContext, reply: ClosableReply) {
    super(request, context)
    this.form = request.body as FormParameters
    this.#reply = reply
  }

  /** Created on first access: only rejections use it, and most requests need none. */
  get signal (): AbortSignal {
    const controller = new AbortController()
    this.#reply.raw.once('close', () => { controller.abort() })
    return controller.signal
  }
}
