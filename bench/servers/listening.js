// A request listener of node:http as a server of this bench.
import { createServer } from 'node:http'
import { once } from 'node:events'

export function listening (listener) {
  const server = createServer(listener)
  return {
    server,
    async listen ({ port, host }) {
      server.listen(port, host)
      await once(server, 'listening')
    }
  }
}
