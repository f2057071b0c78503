import { verify } from 'node:crypto'
import { LruMap } from 'toad-cache'
import { parseJsonObject } from '../lib/json.ts'
import type { MaybePromise } from '../lib/maybe-promise.ts'
import { prepareKey } from './prepared-key.ts'
import type { PreparedKey } from './prepared-key.ts'
import type { Signing } from './sign.ts'
import type { SigningKey } from './signing-key.ts'

/** A compact JWS (RFC 7515 §7.1) that is read, and not verified. */
export interface UnverifiedJws {
  readonly header: Readonly<Record<string, unknown>>
  readonly encodedHeader: string
  /** In base64url. */
  readonly payload: string
  /** What the signature is made over (RFC 7515 §5.1). */
  readonly signingInput: string
  readonly signature: Buffer
}

type Header = UnverifiedJws['header']

// All tokens of a key have the same header. What strangers write is not among these.
const knownHeaders = new LruMap<Header>(100)

/** @returns undefined for what is none, or needs an extension (`crit`, RFC 7515 §4.1.11): none is known here */
export function readJws (text: string): UnverifiedJws | undefined {
  const [encodedHeader, payload, encodedSignature, ...more] = text.split('.', 4) as [string, ...string[]]
  if (payload === undefined || encodedSignature === undefined || more.length > 0) return undefined
  const signature = Buffer.from(encodedSignature, 'base64url')
  // The decoder passes over what it does not know. It is the only part that the signature does not cover.
  if (signature.toString('base64url') !== encodedSignature) return undefined
  const header = knownHeaders.get(encodedHeader) ?? readHeader(encodedHeader)
  return header && { header, encodedHeader, payload, signingInput: text.slice(0, -encodedSignature.length - 1), signature }
}

function readHeader (encoded: string): Header | undefined {
  const header = decodeObject(encoded)
  return header?.crit === undefined ? header : undefined
}

/** Has the header of a JWS whose signature is right read no more. */
export function rememberHeader ({ encodedHeader, header }: UnverifiedJws): void {
  if (knownHeaders.get(encodedHeader) === header) return
  // A copy. What was split from a token is a view of it, and would keep all of it in memory.
  knownHeaders.set(Buffer.from(encodedHeader).toString(), header)
}

/**
 * Tells whether a key has signed a JWS. Does NOT look at the header: that the key is used by the algorithm that it is for
 * (RFC 8725 §3.1) is the caller's to see to.
 */
export type Verifier = (jws: UnverifiedJws, key: SigningKey) => MaybePromise<boolean>

/** Makes a verifier that works where signatures are made. With "batch", each is verified at once. */
export function createVerifier (signing: Signing): Verifier {
  const verifyNatively = signing === 'pool' ? isSignedInPool : isSigned
  return ({ signingInput, signature }, key) => {
    const prepared = prepareKey(key)
    const data = Buffer.from(signingInput)
    return prepared.webCrypto?.verify(data, signature) ?? verifyNatively(prepared, data, signature)
  }
}

function isSigned ({ digest, publicInput }: PreparedKey, data: Buffer, signature: Buffer): boolean {
  return verify(digest, data, publicInput, signature)
}

function isSignedInPool ({ digest, publicInput }: PreparedKey, data: Buffer, signature: Buffer): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(digest, data, publicInput, signature, (error, isRight) => { error === null ? resolve(isRight) : reject(error) })
  })
}

/** Decodes a part that holds a JSON object. Undefined when it does not, or is nested too deeply. */
export function decodeObject (part: string): Record<string, unknown> | undefined {
  return parseJsonObject(Buffer.from(part, 'base64url').toString())
}
