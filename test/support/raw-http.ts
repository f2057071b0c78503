import { connect } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Answer } from './demo.ts'

/**
 * Sends bytes over one connection and reads all answers until the server closes it: so the last request asks it to.
 * None of the requests may be a HEAD, whose answers have no body whatever their length says.
 */
export async function sendBytes (port: number, bytes: Buffer): Promise<Answer[]> {
  const socket = connect(port, '127.0.0.1')
  // A server that refuses what it reads closes before all is written.
  socket.on('error', () => {})
  socket.write(bytes)
  const answers: Answer[] = []
  let rest: Buffer = await buffer(socket).catch(() => Buffer.alloc(0))
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n')
    const [statusLine = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n')
    const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
    const isChunked = headers['transfer-encoding'] === 'chunked'
    const [body, length] = isChunked ? readChunks(rest.subarray(end + 4)) : readBody(rest.subarray(end + 4), Number(headers['content-length'] ?? 0))
    answers.push({ statusCode: Number(statusLine.split(' ')[1]), headers, body })
    rest = rest.subarray(end + 4 + length)
  }
  return answers
}

function readBody (bytes: Buffer, length: number): [body: string, length: number] {
  return [bytes.subarray(0, length).toString(), length]
}

// RFC 9112 §7.1
function readChunks (bytes: Buffer): [body: string, length: number] {
  let body = ''
  let at = 0
  for (;;) {
    const line = bytes.indexOf('\r\n', at)
    const size = parseInt(bytes.subarray(at, line).toString(), 16)
    body += bytes.subarray(line + 2, line + 2 + size).toString()
    at = line + 4 + size
    if (!(size > 0)) return [body, at]
  }
}
