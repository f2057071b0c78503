import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The name that the certificate of {@link HttpsServer} is for, besides localhost, 127.0.0.1 and ::1. Nothing resolves it. */
export const HOST = 'keys.example'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A server with TLS, and a certificate of its own that must be trusted as a CA. */
export class HttpsServer {
  readonly certificate: string
  readonly requests: IncomingMessage[] = []
  /** Each connection: the address that it came in at, and whether it resumed a TLS session. */
  readonly connections: { address: string | undefined, isResumed: boolean }[] = []
  handler: Handler = (_request, response) => { response.end() }
  readonly #server: Server

  private constructor (key: string, certificate: string) {
    this.certificate = certificate
    const server = createServer({ key, cert: certificate }, (request, response) => {
      this.requests.push(request)
      this.handler(request, response)
    })
    server.on('secureConnection', (socket) => { this.connections.push({ address: socket.localAddress?.replace('::ffff:', ''), isResumed: socket.isSessionReused() }) })
    // A client that does not trust the certificate.
    server.on('tlsClientError', () => {})
    this.#server = server
  }

  /** Makes a certificate by openssl, and listens on every address of this machine. */
  static async start (): Promise<HttpsServer> {
    const folder = mkdtempSync(join(tmpdir(), 'https-'))
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    execFileSync('openssl', [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key, '-out', certificate,
      '-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST},DNS:localhost,IP:127.0.0.1,IP:::1`
    ], { stdio: 'ignore' })
    const server = new HttpsServer(readFileSync(key, 'utf8'), readFileSync(certificate, 'utf8'))
    rmSync(folder, { recursive: true })
    server.#server.listen(0)
    await once(server.#server, 'listening')
    return server
  }

  get port (): number {
    return (this.#server.address() as AddressInfo).port
  }

  url (path = '/', host = HOST): string {
    return `https://${host}:${this.port}${path}`
  }

  /** Answers with JSON from now on. */
  serve (body: unknown): void {
    this.handler = (_request, response) => { response.setHeader('content-type', 'application/json').end(JSON.stringify(body)) }
  }

  close (): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
