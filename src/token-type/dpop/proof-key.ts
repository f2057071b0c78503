import { calculateJwkThumbprint, importJWK } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { LruMap } from 'toad-cache'
import { decodeObject } from '../../jws/compact-jws.ts'
import { weaknessOf } from '../../lib/weak-keys.ts'
import { ProofRejection } from './proof-errors.ts'

/** The public key of a proof, from its header. */
export interface ProofKey {
  readonly alg: string
  readonly key: CryptoKey
  /** The RFC 7638 thumbprint: the confirmation of a bound token. */
  readonly jkt: string
}

/** The JWT type of a proof (RFC 9449 §4.2). */
const PROOF_TYPE = 'dpop+jwt'
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const MAX_REMEMBERED = 1000

/**
 * Parses the header of proofs, and caches it with its key: all proofs of a client have the same header, as long as it keeps
 * its key.
 */
export class ProofKeys {
  readonly #algorithms: ReadonlySet<string>
  readonly #keys = new LruMap<ProofKey>(MAX_REMEMBERED)

  constructor (algorithms: readonly string[]) {
    this.#algorithms = new Set(algorithms)
  }

  /**
   * Returns the key of a proof. Does NOT verify the proof.
   *
   * @throws ProofRejection
   */
  async read (proof: string): Promise<ProofKey> {
    const header = proof.slice(0, proof.indexOf('.'))
    const known = this.#keys.get(header)
    if (known !== undefined) return known
    const read = await this.#readHeader(proof)
    this.#keys.set(header, read)
    return read
  }

  async #readHeader (proof: string): Promise<ProofKey> {
    const { typ, alg, jwk, crit } = decodeHeader(proof)
    if (typ !== PROOF_TYPE) throw new ProofRejection('the typ of the proof is not dpop+jwt')
    if (typeof alg !== 'string' || !this.#algorithms.has(alg)) throw new ProofRejection('the alg of the proof is not among those that are taken')
    if (crit !== undefined) throw new ProofRejection('the proof has critical extensions')
    if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) throw new ProofRejection('the proof has no jwk')
    if (PRIVATE_MEMBERS.some((name) => name in jwk)) throw new ProofRejection('the jwk of the proof is a private or a symmetric key')
    const weakness = weaknessOf(jwk as JWK)
    if (weakness !== undefined) throw new ProofRejection(`the key of the proof is weak: ${weakness}`)
    try {
      // Only the members that form the key: "use", "key_ops" and others are ignored.
      const { kty, crv, x, y, n, e } = jwk as JWK
      const bare = Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined)) as JWK
      return Object.freeze({ alg, key: await importJWK(bare, alg) as CryptoKey, jkt: await calculateJwkThumbprint(bare) })
    } catch (error) {
      throw new ProofRejection('the jwk of the proof is no key of its alg', { cause: error })
    }
  }
}

function decodeHeader (proof: string): Record<string, unknown> {
  const header = decodeObject(proof.slice(0, Math.max(0, proof.indexOf('.'))))
  if (header === undefined) throw new ProofRejection('the proof is no JWT')
  return header
}
