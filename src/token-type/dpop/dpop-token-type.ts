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

/** What proofs must be like. The same for all processes. */
export interface DPoPTokenTypeOptions {
  /** Where proofs are remembered that were used. Required; the processes of a server share one. */
  replays: ReplayStore
  /** The algorithms that proofs may be signed by (RFC 9449 §11.6). Default PS256, ES256, EdDSA and Ed25519. */
  algorithms?: readonly DPoPAlgorithm[]
  /**
   * Makes proofs need a nonce of this server (RFC 9449 §8, §9), which is derived from this key: 32 characters or more that
   * nobody knows, the same in all processes. Default no nonces.
   */
  nonceKey?: string
  /** Seconds after its iat that a proof is accepted. Default 60. */
  maxAge?: number
  /** Default the clock of the machine. */
  now?: Clock
}

/** An algorithm that proofs may be signed by: an asymmetric one (RFC 9449 §4.3). */
export type DPoPAlgorithm = typeof ALGORITHMS[number]

const ALGORITHMS = ['PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'RS256', 'RS384', 'RS512'] as const
// What FAPI 2.0 §5.4.1 allows. Ed25519 is the name of EdDSA with that curve since RFC 9864: clients use either.
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
 * DPoP tokens (RFC 9449): bound to a key of the client, who proves with each request that it has it. A proof is accepted
 * once. Where several types are set, the proof in a token request picks this one.
 *
 * Does NOT answer a successful request with the next nonce (RFC 9449 §8.2): clients get one with the refusal.
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

  // Throws the reason as the error of the side that answers: the token endpoint, or a protected resource.
  async #translate<T> (toAnswer: (reason: ProofRejection, nonce: string | undefined) => Error, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof ProofRejection)) throw error
      throw toAnswer(error, error instanceof NonceRequired ? this.#rules.nonces?.current() : undefined)
    }
  }
}
