import type { ClientCertificate, FormParameters, PlainRequest } from '../src/adapter.ts'
import type { TokenRequest } from '../src/index.ts'
import type { CertificateReader, CertifiedRequest } from './client-certificate/tls-socket.ts'
import { fieldValue } from './header-fields.ts'

/** As much of Fastify's request as is read here: every one fits, whatever its type provider, server and route generics. */
export interface ReadableRequest {
  readonly method: string
  readonly url: string
  /** The URL that the client sent, whatever Fastify's `rewriteUrl` has made of it. */
  readonly originalUrl: string
  readonly body: unknown
  /** Behind a proxy, that of the client where Fastify's trustProxy says so. */
  readonly ip: string
  readonly id: string
  readonly raw: CertifiedRequest
}

/** What is known of requests beyond what they say themselves. */
export interface RequestContext {
  /** Where clients reach this server. Undefined where nothing says so. */
  readonly origin: string | undefined
  readonly certificateOf: CertificateReader
}

/** Reads Fastify's request as a plain request, without copying anything. */
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

  // RFC 9449 §4.3: proofs name the URL that the client knows.
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

/** As much of Fastify's reply as tells that the client has gone. Of the response: the request is closed once it was read. */
export interface ClosableReply {
  readonly raw: { once (event: 'close', listener: () => void): unknown }
}

/** Reads Fastify's request, its body parsed as a form, as a token request. */
export class FastifyTokenRequest extends FastifyPlainRequest implements TokenRequest {
  readonly form: FormParameters

  readonly #reply: ClosableReply

  constructor (request: ReadableRequest, context: RequestContext, reply: ClosableReply) {
    super(request, context)
    this.form = request.body as FormParameters
    this.#reply = reply
  }

  /** Created when it is asked for, which is once for a rejection: most requests need none. */
  get signal (): AbortSignal {
    const controller = new AbortController()
    this.#reply.raw.once('close', () => { controller.abort() })
    return controller.signal
  }
}
