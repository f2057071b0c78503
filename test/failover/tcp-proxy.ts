import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/**
 * An address that stays the same while the server behind it is another one: what a virtual IP address or a name in DNS is in
 * production. Connections are taken in turns by several servers.
 */
export class TcpProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #targets: readonly number[] = []
  #turn = 0
  #isSilent = false

  private constructor () {
    this.#server = createServer((near) => { this.#accept(near) })
  }

  static async start (...targets: readonly number[]): Promise<TcpProxy> {
    const proxy = new TcpProxy()
    proxy.#targets = targets
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port (): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Closes all connections, and leads new ones to these ports; without any, it closes new ones at once. */
  leadTo (...targets: readonly number[]): void {
    this.#targets = targets
    this.#isSilent = false
    this.#closeAll()
  }

  /** Passes nothing on any more and closes nothing, as when a machine lost its power: who has sent something waits. */
  silence (): void {
    this.#isSilent = true
    for (const socket of this.#sockets) socket.unpipe().pause()
  }

  close (): void {
    this.#closeAll()
    this.#server.close()
  }

  #closeAll (): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #accept (near: Socket): void {
    this.#keep(near)
    if (this.#isSilent) return
    const target = this.#targets[this.#turn++ % this.#targets.length]
    if (target === undefined) {
      near.destroy()
      return
    }
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true })
    this.#keep(far)
    near.setNoDelay(true)
    near.pipe(far)
    far.pipe(near)
    // In silence, the end of the server does not come through either.
    for (const [one, other] of [[near, far], [far, near]] as const) one.on('close', () => { if (!this.#isSilent) other.destroy() })
  }

  #keep (socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}).on('close', () => { this.#sockets.delete(socket) })
  }
}
