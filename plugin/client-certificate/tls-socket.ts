import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificate } from '../../src/adapter.ts'

/** The members of a Node.js request that lead to the client certificate. */
export interface CertifiedRequest {
  readonly socket: Socket
  readonly rawHeaders: readonly string[]
  /** The stream of an HTTP/2 request. Each request has its own socket object, although there is one connection. */
  readonly stream?: { readonly session?: object | undefined }
}

/** Reads the client certificate of a request. */
export type CertificateReader = (request: CertifiedRequest) => ClientCertificate | undefined

/** The members of a server that accepts TLS connections. */
export interface TlsServer {
  on (event: 'secureConnection', listener: (socket: Pick<TLSSocket, 'disableRenegotiation'>) => void): unknown
}

// The connections on which the client cannot renegotiate.
const protectedSockets = new WeakSet<object>()
const protectedServers = new WeakSet<object>()

/**
 * Closes connections whose client starts a renegotiation (TLS 1.2). During one, Node.js returns the new certificate together with
 * the result of verifying the old one, before the client has proven possession of the key. TLS 1.3 has no renegotiation, and on
 * HTTP/2 Node.js rejects it.
 */
export function refuseRenegotiation (server: TlsServer): void {
  if (protectedServers.has(server)) return
  protectedServers.add(server)
  server.on('secureConnection', (socket) => {
    socket.disableRenegotiation()
    protectedSockets.add(socket)
  })
}

/**
 * Reads certificates from the TLS layer of this process, once per connection. Ignores the certificate of a connection on which the
 * client could have renegotiated.
 */
export function fromTlsSocket (): CertificateReader {
  const certificates = new WeakMap<object, ClientCertificate>()
  return ({ socket, stream }) => {
    const connection = stream?.session ?? socket
    const known = certificates.get(connection)
    if (known !== undefined) return known
    const tls = socket as Partial<TLSSocket>
    const x509 = tls.getPeerX509Certificate?.()
    if (x509 === undefined || !isProtected(tls, stream !== undefined)) return undefined
    // After a failed renegotiation with another certificate, Node.js does not reset `authorized`.
    const isTrusted = tls.authorized === true && !tls.authorizationError
    const certificate = Object.freeze({ x509, isTrusted })
    certificates.set(connection, certificate)
    return certificate
  }
}

function isProtected (socket: Partial<TLSSocket>, isHttp2: boolean): boolean {
  return isHttp2 || protectedSockets.has(socket) || socket.getProtocol?.() === 'TLSv1.3'
}
