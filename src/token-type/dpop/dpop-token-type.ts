import type { PlainRequest, TokenRequest } from '../../http/plain-request.ts'
import { systemClock } from '../../lib/clock.ts'
import type { Clock } from '../../lib/clock.ts'
import { checkOptions, CLOCK, codedError, listOf, required, seconds, text } from '../../options/check-options.ts'
import type { OptionsDescription } from '../../options/check-options.ts'
import type { ReplayStore } from '../../stores/contracts/index.ts'
import { REPLAY_STORE } from '../../stores/contracts/option-rules.ts'
import type { Confirmation, Proof, TokenType } from '../token-type.ts'
import { Nonces } from './nonces.ts'
import { NonceRequired, ProofRejection, toAccessError, toTokenRequestError } from './proof-errors.ts'
import { ProofKeys } from './proof-key.ts'
import { verifyProof } from './verify-proof.ts'
import type { ProofRules } from './verify-proof.ts'

/** Options of DPoPTokenType. They must be equal in all processes. */
export interface DPoPTokenTypeOptions {
  /** The store in which used proofs are reserved. Required; the processes of a server share one. */
  replays: ReplayStore
  /** The accepted signing algorithms of proofs (RFC 9449 §11.6). Default PS256, ES256, EdDSA and Ed25519. */
  algorithms?: readonly DPoPAlgorithm[]
  /**
   * Requires proofs to contain a nonce of this server (RFC 9449 §8, §9). Nonces are derived from this key: at least 32 secret
   * characters, the same in all processes. Default no nonces.
   */
  nonceKey?: string
  /** Maximum age of a proof, counted from its iat, in seconds. Default 60. */
  maxAge?: number
  /** The clock. Default the system clock. */
  now?: Clock
}

/** A signing algorithm of proofs: an asymmetric one (RFC 9449 §4.3). */
export type DPoPAlgorithm = typeof ALGORITHMS[number]

const ALGORITHMS = ['PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256', 'RS384', 'RS512'] as const
// The algorithms that FAPI 2.0 §5.4.1 allows. Ed25519 names EdDSA with that curve since RFC 9864. Clients use either name.
const DEFAULT_ALGORITHMS = ['PS256', 'ES256', 'EdDSA', 'Ed25519'] as const
const MIN_KEY_LENGTH = 32

/** The options of DPoPTokenType. */
export const DPOP_TOKEN_TYPE: OptionsDescription<DPoPTokenTypeOptions> = {
  of: 'DPoPTokenType',
  options: {
    replays: required(REPLAY_STORE),
    algorithms: listOf<DPoPAlgorithm>((name) => ALGORITHMS.includes(name as DPoPAlgorithm), ALGORITHMS.join(', ')),
    nonceKey: text(MIN_KEY_LENGTH),
    maxAge: seconds(1),
    now: CLOCK
  },
  error: codedError('FST_OAUTH_INVALID_DPOP')
}

/**
 * DPoP tokens (RFC 9449): bound to a key of the client, which proves possession of it in each request. A proof is accepted
 * once. If several types are set, the proof in a token request selects this one.
 *
 * Does NOT send the next nonce with a successful response (RFC 9449 §8.2): clients get a nonce with the error response.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_DPOP, FST_OAUTH_UNKNOWN_OPTION
 */
export class DPoPTokenType implements TokenType {
  readonly name = 'DPoP'
  readonly confirmationName = 'jkt'
  readonly challengeParameters: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, unknown>>
  readonly replayStores: readonly ReplayStore[]
  readonly #rules: ProofRules

  constructor (options: DPoPTokenTypeOptions) {
    checkOptions(options, DPOP_TOKEN_TYPE)
    const { replays, algorithms = DEFAULT_ALGORITHMS, nonceKey, maxAge = 60, now = systemClock } = options
    this.challengeParameters = Object.freeze({ algs: algorithms.join(' ') })
    this.metadata = Object.freeze({ dpop_signing_alg_values_supported: [...algorithms] })
    this.replayStores = Object.freeze([replays])
    this.#rules = { keys: new ProofKeys(algorithms), replays, nonces: nonceKey === undefined ? undefined : new Nonces(nonceKey, now), maxAge, now }
  }

  isPresented (request: PlainRequest): boolean {
    return request.header('dpop') !== undefined
  }

  /** @throws OAuth2Error invalid_dpop_proof, use_dpop_nonce */
  async confirmTokenRequest (request: TokenRequest): Promise<Confirmation> {
    return await this.#translate(toTokenRequestError, async () => {
      const { confirmation, consume } = await verifyProof(this.#rules, request)
      await consume()
      return confirmation
    })
  }

  /** @throws StrategyError invalid_dpop_proof, use_dpop_nonce */
  async confirmAccess (request: PlainRequest, token: string): Promise<Proof> {
    const { confirmation, consume } = await this.#translate(toAccessError, () => verifyProof(this.#rules, request, token))
    return { confirmation, consume: () => this.#translate(toAccessError, consume) }
  }

  // Throws the reason as the error of the endpoint that responds: the token endpoint, or a protected resource.
  async #translate<T> (toAnswer: (reason: ProofRejection, nonce: string | undefined) => Error, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof ProofRejection)) throw error
      throw toAnswer(error, error instanceof NonceRequired ? this.#rules.nonces?.current() : undefined)
    }
  }
}
