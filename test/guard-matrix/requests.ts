import { proofFor } from '../support/proof.ts'
import { ORIGIN, TOKENS } from './flows.ts'

const URL = '/data'

interface Refused {
  readonly what: string
  readonly status: number
  readonly url: string
  readonly headers: object
}

async function presented (scheme: string, name: string, method = 'GET', url = URL): Promise<Record<string, string>> {
  const token = `${scheme}-${name}`
  const authorization = `${scheme} ${token}`
  return scheme === 'DPoP' ? { authorization, dpop: await proofFor(method, `${ORIGIN}${url}`, { token }) } : { authorization }
}

async function refusedBy (scheme: string): Promise<Refused[]> {
  return [
    { what: `${scheme}, unknown`, status: 401, url: URL, headers: await presented(scheme, 'unknown') },
    { what: `${scheme}, scope missing`, status: 403, url: URL, headers: await presented(scheme, 'narrow') },
    { what: `${scheme}, verification fails`, status: 500, url: URL, headers: await presented(scheme, 'throws') },
    { what: `${scheme}, verification finds nothing`, status: 401, url: URL, headers: await presented(scheme, 'nothing') },
    { what: `${scheme}, valid without credentials`, status: 500, url: URL, headers: await presented(scheme, 'bare') },
    { what: `${scheme}, valid with a promise of credentials`, status: 500, url: URL, headers: await presented(scheme, 'pending') }
  ]
}

/** Every request that a handler must not see, with the status of its answer. */
export async function refusedRequests (token: keyof typeof TOKENS): Promise<Refused[]> {
  const other = token === 'Bearer' ? await presented('DPoP', 'good') : { authorization: 'Bearer DPoP-good' }
  const client: [string, Record<string, string>][] = [
    ['no token', {}],
    ['Basic', { authorization: `Basic ${btoa('a:b')}` }],
    ['a token by the scheme of another type', other],
    ['DPoP junk', { authorization: 'DPoP junk' }],
    ['DPoP junk with a junk proof', { authorization: 'DPoP junk', dpop: 'junk' }],
    ['DPoP with a junk proof', { authorization: 'DPoP DPoP-good', dpop: 'junk' }],
    ['DPoP without a proof', { authorization: 'DPoP DPoP-good' }],
    ['DPoP with the proof of another URL', await presented('DPoP', 'good', 'GET', '/other')]
  ]
  return [
    ...client.map(([what, headers]) => ({ what, status: 401, url: URL, headers })),
    ...(await Promise.all(TOKENS[token].schemes.map(refusedBy))).flat()
  ]
}

/** Requests whose handler must run, once each. */
export async function validRequests (token: keyof typeof TOKENS): Promise<object[]> {
  const requests = TOKENS[token].schemes.map(async (scheme) => [
    { url: URL, headers: await presented(scheme, 'good') },
    { url: URL, headers: await presented(scheme, 'good') },
    { method: 'POST', url: URL, headers: await presented(scheme, 'good', 'POST'), payload: { a: 1 } }
  ])
  return (await Promise.all(requests)).flat()
}
