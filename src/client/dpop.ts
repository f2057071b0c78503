import { allowInsecureRequests, customFetch, DPoP, generateKeyPair, modifyAssertion, protectedResourceRequest, WWWAuthenticateChallengeError } from 'oauth4webapi'
import type { CryptoKeyPair, DPoPHandle } from 'oauth4webapi'
import { importKeyPair } from './credentials/import-key.ts'
import type { PrivateKeyInput } from './credentials/import-key.ts'
import { load } from './or-function.ts'
import type { OrFunction } from './or-function.ts'
import type { ServerClock } from './server-clock.ts'

/** The key that tokens are bound to: a private key that can be exported, or a pair of CryptoKeys. */
export type DPoPKey = CryptoKeyPair | PrivateKeyInput

/** Proves the possession of one key (RFC 9449), with the nonces of each origin. */
export interface Prover {
  readonly handle: DPoPHandle
  /** Sends a request with the token and a proof. @param send sends it with these header fields */
  readonly send: (accessToken: string, method: string, url: URL, headers: Headers, send: (headers: Headers) => Promise<Response>) => Promise<Response>
}

/** Loads the prover of the present key. */
export type LoadProver = () => Promise<Prover | undefined>

/** Returns the loader of provers. A key that stays the same keeps its prover, and so its nonces. */
export function proverOf (dpop: true | OrFunction<DPoPKey>, clock: ServerClock): LoadProver {
  const provers = new WeakMap<object, Promise<Prover>>()
  let generated: Promise<CryptoKeyPair> | undefined
  // A WeakMap has no strings as keys, and a function may return the same text each time.
  let last = { pem: '' }
  const identityOf = (pem: string): object => last.pem === pem ? last : (last = { pem })
  return async () => {
    const key = dpop === true ? await (generated ??= generateKeyPair('ES256')) : await load('dpop', dpop)
    const identity = typeof key === 'string' ? identityOf(key) : key
    let prover = provers.get(identity)
    if (prover === undefined) provers.set(identity, prover = load('dpop', () => createProver(key, clock)))
    return await prover
  }
}

async function createProver (key: DPoPKey, clock: ServerClock): Promise<Prover> {
  const pair = typeof key === 'object' && 'publicKey' in key ? key as CryptoKeyPair : await importKeyPair(key as PrivateKeyInput)
  const handle = DPoP({}, pair, {
    [modifyAssertion]: (_header, payload) => { payload.iat = Number(payload.iat) + clock.offset(new URL(String(payload.htu)).origin) }
  })
  return { handle, send: (...values) => sendWithProof(handle, ...values) }
}

async function sendWithProof (handle: DPoPHandle, accessToken: string, method: string, url: URL, headers: Headers, send: (headers: Headers) => Promise<Response>): Promise<Response> {
  const hasUserAgent = headers.has('user-agent')
  try {
    return await protectedResourceRequest(accessToken, method, url, headers, undefined, {
      DPoP: handle,
      // The origin was checked against the allowed ones.
      [allowInsecureRequests]: true,
      [customFetch]: async (_url, options) => {
        const proven = new Headers(options.headers)
        if (!hasUserAgent) proven.delete('user-agent')
        return await send(proven)
      }
    })
  } catch (error) {
    if (error instanceof WWWAuthenticateChallengeError) return error.response
    throw error
  }
}
