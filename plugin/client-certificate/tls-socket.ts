import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ClientCertificate } from '../../src/adapter.ts'

/** As much of Node's request as has a certificate. */
export interface CertifiedRequest {
  readonly socket: Socket
  readonly rawHeaders: readonly string[]
  /** Of HTTP/2, where each request has a socket of its own, though there is one connection. */
  readonly stream?: { readonly session?: object | undefined }
}

/** Reads the certificate of the client who sent a request. */
export type CertificateReader = (request: CertifiedRequest) => ClientCertificate | undefined

/** As much of a server as accepts TLS connections. */
export interface TlsServer {
  on (event: 'secureConnection', listener: (socket: Pick<TLSSocket, 'disableRenegotiation'>) => void): unknown
}

// The connections on which the client cannot begin another handshake.
const protectedSockets = new WeakSet<object>()
const protectedServers = new WeakSet<object>()

/**
 * Ends connections whose client begins another handshake (TLS 1.2): in the midst of it, Node.js gives the new certificate
 * beside what it found of the old one, before the client has shown that it has the key. TLS 1.3 has no such thing, and on
 * HTTP/2 Node.js itself refuses it.
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
 * Reads certificates from the TLS layer of this process, once for each connection. That of a connection on which the client
 * could have begun another handshake is ignored.
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
    // After a renegotiation with another certificate that fails, Node.js leaves `authorized` as it was.
    const isTrusted = tls.authorized === true && !tls.authorizationError
    const certificate = Object.freeze({ x509, isTrusted })
    certificates.set(connection, certificate)
    return certificate
  }
}

function isProtected (socket: Partial<TLSSocket>, isHttp2: boolean): boolean {
  return isHttp2 || protectedSockets.has(socket) || socket.getProtocol?.() === 'TLSv1.3'
}
