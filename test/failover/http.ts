import { Agent, request } from 'node:http'
import { basic, FORM, form } from '../support/demo.ts'
import type { Order, Outcome } from './messages.ts'
import { now } from './time.ts'

/** An answer, and when the request was sent and answered. Status 0: there was none. */
export interface Answer {
  readonly status: number
  readonly body: string
  readonly sentAt: number
  readonly receivedAt: number
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 })
// Milliseconds. The time limits of the stores are shorter.
const TIME_LIMIT = 10_000

export async function send (port: number, path: string, { method = 'GET', headers = {}, body }: { method?: string, headers?: Record<string, string>, body?: string } = {}): Promise<Answer> {
  const sentAt = now()
  return await new Promise((resolve) => {
    const finish = (status: number, text: string) => { resolve({ status, body: text, sentAt, receivedAt: now() }) }
    const outgoing = request({ host: '127.0.0.1', port, path, method, agent, timeout: TIME_LIMIT, headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) } }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => { text += chunk }).on('end', () => { finish(response.statusCode ?? 0, text) }).on('error', () => { finish(0, '') })
    })
    outgoing.on('timeout', () => { outgoing.destroy(new Error('timeout')) }).on('error', (error) => { finish(0, error.message) })
    outgoing.end(body)
  })
}

/** Requests a token. */
export async function requestToken (port: number, clientId: string, secret: string): Promise<Answer & { token: string | undefined }> {
  const answer = await post(port, '/oauth2/token', { clientId, secret }, { grant_type: 'client_credentials' })
  return { ...answer, token: answer.status === 200 ? (JSON.parse(answer.body) as { access_token: string }).access_token : undefined }
}

/** Revokes a token as its client (RFC 7009). */
export async function revokeToken (port: number, clientId: string, secret: string, token: string): Promise<Answer> {
  return await post(port, '/oauth2/revoke', { clientId, secret }, { token })
}

/** Presents a token to a protected route. */
export async function presentToken (port: number, token: string): Promise<Answer> {
  return await send(port, '/data', { headers: { authorization: `Bearer ${token}` } })
}

/** Orders a change. @returns the outcome undefined if it was not acknowledged */
export async function give (port: number, order: Order): Promise<Answer & { outcome: Outcome | undefined }> {
  const answer = await send(port, '/orders', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(order) })
  return { ...answer, outcome: answer.status === 200 ? JSON.parse(answer.body) as Outcome : undefined }
}

async function post (port: number, path: string, { clientId, secret }: { clientId: string, secret: string }, parameters: Record<string, string>): Promise<Answer> {
  return await send(port, path, { method: 'POST', headers: { authorization: basic(clientId, secret), 'content-type': FORM }, body: form(parameters) })
}

export function closeConnections (): void {
  agent.destroy()
}
