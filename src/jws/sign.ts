import { sign } from 'node:crypto'
import { prepareKey } from './prepared-key.ts'
import type { SigningKey } from './signing-key.ts'

/** Signs the claims of a JWT. */
export type Signer = (key: SigningKey, typ: string, claims: object) => Promise<string>

/**
 * Where signatures are created and verified. "pool": in the thread pool of Node.js, which keeps the event loop free if there is
 * a second core. "batch": on the event loop, where all signatures of one turn are created together after its I/O, which is
 * faster on a single core.
 */
export type Signing = 'pool' | 'batch'

// Maximum number of signatures before the event loop continues: an RS256 signature takes a quarter of a millisecond.
const BATCH = 16

/** Creates a signer of compact JWTs (RFC 7515 §7.1). */
export function createSigner (signing: Signing): Signer {
  const signBytes = signing === 'pool' ? signInPool : createBatch()
  return async (key, typ, claims) => {
    const input = `${headerOf(key, typ)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
    const data = Buffer.from(input)
    const signature = await (prepareKey(key).webCrypto?.sign(data) ?? signBytes(key, data))
    return `${input}.${signature.toString('base64url')}`
  }
}

type SignBytes = (key: SigningKey, data: Buffer) => Promise<Buffer>

interface Waiting {
  key: SigningKey
  data: Buffer
  resolve: (signature: Buffer) => void
  reject: (error: unknown) => void
}

function signInPool (key: SigningKey, data: Buffer): Promise<Buffer> {
  const { digest, privateInput } = prepareKey(key)
  return new Promise((resolve, reject) => {
    sign(digest, data, privateInput, (error, signature) => { error === null ? resolve(signature) : reject(error) })
  })
}

function createBatch (): SignBytes {
  let waiting: Waiting[] = []

  function flush (): void {
    const batch = waiting.slice(0, BATCH)
    waiting = waiting.slice(BATCH)
    if (waiting.length > 0) setImmediate(flush)
    for (const { key, data, resolve, reject } of batch) {
      try {
        const { digest, privateInput } = prepareKey(key)
        resolve(sign(digest, data, privateInput))
      } catch (error) {
        reject(error)
      }
    }
  }

  return (key, data) => new Promise((resolve, reject) => {
    if (waiting.length === 0) setImmediate(flush)
    waiting.push({ key, data, resolve, reject })
  })
}

const headers = new WeakMap<SigningKey, Map<string, string>>()

// The header is the same for every token of a key: encoded once.
function headerOf (key: SigningKey, typ: string): string {
  let byType = headers.get(key)
  if (byType === undefined) headers.set(key, byType = new Map())
  let header = byType.get(typ)
  if (header === undefined) {
    header = Buffer.from(JSON.stringify({ alg: key.alg, typ, kid: key.kid })).toString('base64url')
    byType.set(typ, header)
  }
  return header
}
