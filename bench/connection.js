// One keep-alive connection that sends a request as soon as the last one is answered. It knows as much of HTTP/1.1 as
// Fastify answers with here: a header, a content-length and a body.
import { connect } from 'node:net'

const LENGTH = /\r\ncontent-length: (\d+)/i

/**
 * @param next gives the bytes of the next request; undefined to close the connection
 * @param answered is told the status of every answer, and its text
 * @returns a promise of the connection's end
 */
export function keepAsking (port, next, answered) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let rest = ''

    function ask () {
      const request = next()
      if (request === undefined) socket.end()
      else socket.write(request)
    }

    socket.once('connect', ask)
    socket.on('data', (chunk) => {
      rest += chunk.latin1Slice()
      const head = rest.indexOf('\r\n\r\n')
      if (head === -1) return
      const length = LENGTH.exec(rest)
      if (length === null) return socket.destroy(new Error('an answer without content-length'))
      if (rest.length < head + 4 + Number(length[1])) return
      const status = Number(rest.slice(9, 12))
      const text = rest
      rest = ''
      answered(status, text)
      ask()
    })
    socket.once('error', reject)
    socket.once('close', () => resolve())
  })
}
