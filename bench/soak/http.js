// Requests of the soak: over kept connections, and over some that are cut.
import { Agent, request } from 'node:http'
import { connect } from 'node:net'

const agent = new Agent({ keepAlive: true, maxSockets: 32 })

/** @returns the status, and the body where it is JSON */
export function ask (port, { method = 'GET', path, headers = {}, form, json }) {
  const payload = form !== undefined ? new URLSearchParams(form).toString() : json !== undefined ? JSON.stringify(json) : undefined
  const type = form !== undefined ? 'application/x-www-form-urlencoded' : 'application/json'
  const fields = payload === undefined ? headers : { 'content-type': type, 'content-length': Buffer.byteLength(payload), ...headers }
  return new Promise((resolve, reject) => {
    const sent = request({ agent, port, host: '127.0.0.1', method, path, headers: fields }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk) => { text += chunk })
      answer.on('end', () => resolve({ status: answer.statusCode, body: answer.headers['content-type']?.includes('json') ? JSON.parse(text) : undefined }))
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(payload)
  })
}

/** Sends some bytes, and hangs up after a while without waiting for an answer. */
export function cut (port, text, after) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(text))
    socket.on('error', () => {})
    socket.on('close', resolve)
    socket.resume()
    setTimeout(() => socket.destroy(), after)
  })
}
