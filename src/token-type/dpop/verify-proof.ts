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

/** The rules for the validation of proofs. */
export interface ProofRules {
  readonly keys: ProofKeys
  /** The store in which the use of a proof is reserved. */
  readonly replays: ReplayStore
  /** Undefined if proofs need no nonce. */
  readonly nonces: Nonces | undefined
  /** Maximum age of a proof, in seconds. */
  readonly maxAge: number
  readonly now: Clock
}

/** A proof of one request: its confirmation is the RFC 7638 thumbprint of its key (RFC 9449 §6.1). */
export interface DPoPProof extends Proof {
  /**
   * Consumes the proof atomically, for as long as it would be accepted (RFC 9449 §11.1).
   *
   * @throws ProofRejection if it was used before, or has expired meanwhile
   */
  consume (): Promise<void>
}

// Characters. A proof with an RSA key of 4096 bits has about 2,000.
const MAX_LENGTH = 8192
const MAX_JTI_LENGTH = 256

// Seconds that a client's clock may be ahead (FAPI 2.0 §5.3.2.1: at least 10 are accepted, more than 60 are rejected).
const AHEAD = 10

/**
 * Verifies the proof of a request by the twelve checks of RFC 9449 §4.3. Does NOT check whether it was used before: `consume` does.
 *
 * @param token the access token that comes with it; undefined at the token endpoint
 * @throws ProofRejection; NonceRequired when nothing is wrong but the nonce
 */
export async function verifyProof (rules: ProofRules, request: PlainRequest, token?: string): Promise<DPoPProof> {
  // 1: exactly one field. Node.js joins several with a comma, which no JWT contains.
  const proof = request.header('dpop')
  if (proof === undefined || proof === '') throw new ProofMissing('the request has no proof')
  if (proof.length > MAX_LENGTH || proof.includes(',')) throw new ProofRejection('there is more than one proof, or it is too long')

  // 2, 4, 5, 7: a JWT of this type, with an accepted algorithm and a public key.
  const { alg, key, jkt } = await rules.keys.read(proof)
  // 6: signed with that key.
  const { htm, htu, iat, jti, ath, nonce } = await verifySignature(proof, key, alg)

  // 3, 8, 9: created for this request.
  if (htm !== request.method) throw new ProofRejection('the htm of the proof is not the method')
  if (typeof htu !== 'string' || !isSameTarget(htu, targetUriOf(request))) throw new ProofRejection('the htu of the proof is not the URL')
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH) throw new ProofRejection('the jti of the proof is missing, or too long')

  // 12: created for this token. The key to which the token is bound is compared after the token has been verified.
  if (token !== undefined && ath !== sha256Base64url(token)) throw new ProofRejection('the ath of the proof is not the hash of the token')

  // 11: created recently.
  const time = rules.now()
  if (typeof iat !== 'number' || !(iat <= time + AHEAD) || !(iat > time - rules.maxAge)) throw new ProofRejection('the iat of the proof is not now')

  // 10: created with a nonce of this server. Checked last, because the client may simply retry after this error.
  if (rules.nonces !== undefined && (typeof nonce !== 'string' || !rules.nonces.accepts(nonce))) throw new NonceRequired('the proof lacks our nonce')
  return { confirmation: { jkt }, consume: async () => { await consume(rules, `${jkt} ${jti}`, iat) } }
}

// Clocks of two processes may differ as much as the package allows for any two machines.
const CLOCK_TOLERANCE = 60

async function consume (rules: ProofRules, id: string, iat: number): Promise<void> {
  // The hash gives the store key a fixed length, whatever jti the client chose.
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
