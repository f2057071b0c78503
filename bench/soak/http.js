// Requests of the soak: over kept connections, and over some that are cut.
import { Agent, request } from 'node:http'
import { connect } from 'node:net'

const agent = new Agent({ keepAlive: true, maxSockets: 32 })
// Characters, and milliseconds between them.
const PIECE = 10
const PAUSE = 20

function toBody ({ headers = {}, form, json }) {
  const payload = form !== undefined ? new URLSearchParams(form).toString() : json !== undefined ? JSON.stringify(json) : undefined
  const type = form !== undefined ? 'application/x-www-form-urlencoded' : 'application/json'
  return { payload, fields: payload === undefined ? headers : { 'content-type': type, 'content-length': Buffer.byteLength(payload), ...headers } }
}

/** @returns the status, and the body where it is JSON */
export function ask (port, order) {
  return answerOf(port, order, (sent, payload) => sent.end(payload))
}

/** The same, with a body that comes in a few pieces, one after the other. */
export function dribble (port, order) {
  return answerOf(port, order, async (sent, payload) => {
    for (let at = 0; at < payload.length; at += PIECE) {
      sent.write(payload.slice(at, at + PIECE))
      await new Promise((resolve) => setTimeout(resolve, PAUSE))
    }
    sent.end()
  })
}

function answerOf (port, { method = 'GET', path, ...order }, send) {
  const { payload, fields } = toBody(order)
  return new Promise((resolve, reject) => {
    const sent = request({ agent, port, host: '127.0.0.1', method, path, headers: fields }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk) => { text += chunk })
      answer.on('end', () => resolve({ status: answer.statusCode, body: answer.headers['content-type']?.includes('json') ? JSON.parse(text) : undefined }))
      answer.on('error', reject)
    })
    sent.on('error', reject)
    send(sent, payload)
  })
}

/** Begins a request and thinks better of it: in the middle of its body, or when it is sent. */
export function abort (port, { method, path, isWhole, ...order }) {
  const { payload, fields } = toBody(order)
  return new Promise((resolve) => {
    const sent = request({ agent, port, host: '127.0.0.1', method, path, headers: fields }, (answer) => answer.resume())
    sent.on('error', () => {})
    sent.on('close', resolve)
    if (isWhole) sent.end(payload, () => setImmediate(() => sent.destroy()))
    else sent.write(payload.slice(0, PIECE), () => sent.destroy())
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
