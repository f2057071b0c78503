import { verify } from 'node:crypto'
import { LruMap } from 'toad-cache'
import { parseJsonObject } from '../lib/json.ts'
import type { MaybePromise } from '../lib/maybe-promise.ts'
import { prepareKey } from './prepared-key.ts'
import type { PreparedKey } from './prepared-key.ts'
import type { Signing } from './sign.ts'
import type { SigningKey } from './signing-key.ts'

/** A parsed compact JWS (RFC 7515 §7.1) whose signature has not been verified. */
export interface UnverifiedJws {
  readonly header: Readonly<Record<string, unknown>>
  readonly encodedHeader: string
  /** In base64url. */
  readonly payload: string
  /** The JWS signing input (RFC 7515 §5.1). */
  readonly signingInput: string
  readonly signature: Buffer
}

type Header = UnverifiedJws['header']

// Cache of parsed headers: all tokens of a key have the same header. Only headers of verified tokens are cached.
const knownHeaders = new LruMap<Header>(100)

/**
 * Parses a compact JWS.
 *
 * @returns undefined for a malformed one, or one with `crit` (RFC 7515 §4.1.11): no extension is supported
 */
export function readJws (text: string): UnverifiedJws | undefined {
  const [encodedHeader, payload, encodedSignature, ...more] = text.split('.', 4) as [string, ...string[]]
  if (payload === undefined || encodedSignature === undefined || more.length > 0) return undefined
  const signature = Buffer.from(encodedSignature, 'base64url')
  // The base64url decoder ignores invalid characters. Only this part is not covered by the signature, so check its encoding
  // here.
  if (signature.toString('base64url') !== encodedSignature) return undefined
  const header = knownHeaders.get(encodedHeader) ?? readHeader(encodedHeader)
  return header && { header, encodedHeader, payload, signingInput: text.slice(0, -encodedSignature.length - 1), signature }
}

function readHeader (encoded: string): Header | undefined {
  const header = decodeObject(encoded)
  return header?.crit === undefined ? header : undefined
}

/** Caches the parsed header of a JWS once its signature has been verified. */
export function rememberHeader ({ encodedHeader, header }: UnverifiedJws): void {
  if (knownHeaders.get(encodedHeader) === header) return
  // Copies the string: a slice of a token would keep the whole token in memory.
  knownHeaders.set(Buffer.from(encodedHeader).toString(), header)
}

/**
 * Verifies the signature of a JWS by a key. Does NOT check the header: the caller must check that `alg` is the algorithm of the
 * key (RFC 8725 §3.1).
 */
export type Verifier = (jws: UnverifiedJws, key: SigningKey) => MaybePromise<boolean>

/** Creates a verifier. It verifies in the thread pool for "pool", and synchronously for "batch". */
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

/**
 * Decodes a part of a JWS that contains a JSON object. Returns undefined for anything else, and for an object that is nested
 * too deeply.
 */
export function decodeObject (part: string): Record<string, unknown> | undefined {
  return parseJsonObject(Buffer.from(part, 'base64url').toString())
}
