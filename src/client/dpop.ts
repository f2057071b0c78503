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
export type Prover = DPoPHandle

/** Loads the prover of the present key. */
export type LoadProver = () => Promise<Prover | undefined>

/** Returns the loader of the prover that the options ask for. A key that stays the same keeps its prover, and so its nonces. */
export function proverOf (dpop: boolean | OrFunction<DPoPKey>, clock: ServerClock): LoadProver {
  const provers = new WeakMap<object, Promise<Prover>>()
  let generated: Promise<CryptoKeyPair> | undefined
  const create = async (key: DPoPKey): Promise<Prover> => {
    const pair = typeof key === 'object' && 'publicKey' in key ? key as CryptoKeyPair : await importKeyPair(key as PrivateKeyInput)
    return DPoP({}, pair, {
      [modifyAssertion]: (_header, payload) => { payload.iat = Number(payload.iat) + clock.offset(new URL(String(payload.htu)).origin) }
    })
  }
  // A WeakMap has no strings as keys, and a function may return the same text each time.
  let last = { pem: '' }
  const identityOf = (pem: string): object => last.pem === pem ? last : (last = { pem })
  return async () => {
    if (dpop === false) return undefined
    const key = dpop === true ? await (generated ??= generateKeyPair('ES256')) : await load('dpop', dpop)
    const identity = typeof key === 'string' ? identityOf(key) : key
    let prover = provers.get(identity)
    if (prover === undefined) provers.set(identity, prover = load('dpop', () => create(key)))
    return await prover
  }
}

/** Sends a request with the token and a proof. @param send sends it with these header fields */
export async function sendWithProof (
  prover: Prover, accessToken: string, method: string, url: URL, headers: Headers, send: (headers: Headers) => Promise<Response>
): Promise<Response> {
  const hasUserAgent = headers.has('user-agent')
  try {
    return await protectedResourceRequest(accessToken, method, url, headers, undefined, {
      DPoP: prover,
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
