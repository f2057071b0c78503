import { compactVerify } from 'jose'
import type { PlainRequest } from '../../http/plain-request.ts'
import type { Clock } from '../../lib/clock.ts'
import { parseJsonObject } from '../../lib/json.ts'
import { sha256Base64url } from '../../lib/sha256.ts'
import { reserveOnce } from '../../stores/contracts/consume-once.ts'
import type { ReplayStore, Reservation } from '../../stores/contracts/index.ts'
import type { Proof } from '../token-type.ts'
import type { Nonces } from './nonces.ts'
import { NonceRequired, ProofMissing, ProofRejection } from './proof-errors.ts'
import type { ProofKeys } from './proof-key.ts'
import { isSameTarget, targetUriOf } from './target-uri.ts'

/** The rules that proofs are verified by. */
export interface ProofRules {
  readonly keys: ProofKeys
  /** The store in which the use of a proof is reserved. */
  readonly replays: ReplayStore
  /** Undefined where proofs need no nonce. */
  readonly nonces: Nonces | undefined
  /** Seconds. */
  readonly maxAge: number
  readonly now: Clock
}

/** A proof of one request: its confirmation is the RFC 7638 thumbprint of its key (RFC 9449 §6.1). */
export interface DPoPProof extends Proof {
  /**
   * Consumes the proof, in one step and for as long as it would be accepted (RFC 9449 §11.1).
   *
   * @throws ProofRejection when it was used before, or has expired meanwhile
   */
  consume (): Promise<void>
}

// A proof with an RSA key of 4096 bits has some 2,000 characters.
const MAX_LENGTH = 8192
const MAX_JTI_LENGTH = 256

// Seconds that clocks of clients may be ahead (FAPI 2.0 §5.3.2.1: ten are to be taken, more than sixty are not).
const AHEAD = 10

/**
 * Verifies the proof of a request by the twelve checks of RFC 9449 §4.3. Does NOT check whether it was used before: `consume` does.
 *
 * @param token the access token that comes with it; undefined at the token endpoint
 * @throws ProofRejection; NonceRequired when nothing is wrong but the nonce
 */
export async function verifyProof (rules: ProofRules, request: PlainRequest, token?: string): Promise<DPoPProof> {
  // 1: exactly one field. Several reach us joined by a comma, which no JWT has.
  const proof = request.header('dpop')
  if (proof === undefined || proof === '') throw new ProofMissing('the request has no proof')
  if (proof.length > MAX_LENGTH || proof.includes(',')) throw new ProofRejection('there is more than one proof, or it is too long')

  // 2, 4, 5, 7: a JWT of this type, by an algorithm that is taken, with a public key.
  const { alg, key, jkt } = await rules.keys.read(proof)
  // 6: signed with that key.
  const { htm, htu, iat, jti, ath, nonce } = await verifySignature(proof, key, alg)

  // 3, 8, 9: made for this request.
  if (htm !== request.method) throw new ProofRejection('the htm of the proof is not the method')
  if (typeof htu !== 'string' || !isSameTarget(htu, targetUriOf(request))) throw new ProofRejection('the htu of the proof is not the URL')
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH) throw new ProofRejection('the jti of the proof is missing, or too long')

  // 12: made for this token. With the key that the token is bound to: that is compared when the token is known.
  if (token !== undefined && ath !== sha256Base64url(token)) throw new ProofRejection('the ath of the proof is not the hash of the token')

  // 11: made now.
  const time = rules.now()
  if (typeof iat !== 'number' || !(iat <= time + AHEAD) || !(iat > time - rules.maxAge)) throw new ProofRejection('the iat of the proof is not now')

  // 10: made upon an answer of ours. Last, since whoever fails here may simply try again.
  if (rules.nonces !== undefined && (typeof nonce !== 'string' || !rules.nonces.accepts(nonce))) throw new NonceRequired('the proof lacks our nonce')
  return { confirmation: { jkt }, consume: async () => { await consume(rules, `${jkt} ${jti}`, iat) } }
}

// The clocks of two processes may differ as much as those of any two machines in this package.
const CLOCK_TOLERANCE = 60

async function consume (rules: ProofRules, id: string, iat: number): Promise<void> {
  // The key has one length, whatever jti the sender chose.
  if (!await reserveOnce(rules, sha256Base64url(`dpop ${id}`), reservationOf(iat, rules))) throw new ProofRejection('the proof was used before, or became too old meanwhile')
}

function reservationOf (iat: number, { maxAge }: ProofRules): Reservation {
  return { window: maxAge + AHEAD, issuedAt: iat, expiresAt: Math.ceil(iat) + maxAge, clockTolerance: CLOCK_TOLERANCE }
}

async function verifySignature (proof: string, key: Parameters<typeof compactVerify>[1], alg: string): Promise<Record<string, unknown>> {
  try {
    const { payload } = await compactVerify(proof, key, { algorithms: [alg] })
    const claims = parseJsonObject(Buffer.from(payload).toString('utf8'))
    if (claims !== undefined) return claims
  } catch (error) {
    throw new ProofRejection('the signature of the proof is wrong', { cause: error })
  }
  throw new ProofRejection('the proof has no claims')
}
