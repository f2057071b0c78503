import type { JWK } from 'jose'
import { FlowConfigurationError } from '../errors/configuration-error.ts'
import type { SigningKey } from '../jws/signing-key.ts'
import type { StoredKey } from '../stores/contracts/index.ts'
import { importKey, toKeyObjects, toPublicJwk } from './private-jwk.ts'
import type { SealingKeys } from './sealing-keys.ts'

/** A stored key that was unsealed, validated and imported. */
export interface OpenKey {
  readonly key: SigningKey
  readonly publicJwk: JWK
}

/**
 * Unseals, validates and imports a stored key. It is validated like an imported key: an attacker with write access to the store
 * may have replaced it.
 *
 * @throws FlowConfigurationError FST_OAUTH_SEALED_SIGNING_KEY, FST_OAUTH_WRONG_SIGNING_KEY
 */
export async function openKey ({ kid, alg, privateJwk }: StoredKey, sealing: SealingKeys): Promise<OpenKey> {
  const jwk = typeof privateJwk === 'string' ? await sealing.open(privateJwk) : privateJwk
  const named = jwk && await importKey(jwk, alg, alg).catch(() => undefined)
  if (named?.kid !== kid) throw new FlowConfigurationError('FST_OAUTH_WRONG_SIGNING_KEY')
  const objects = toKeyObjects(named.privateJwk)
  return {
    key: Object.freeze({ kid, alg, ...objects }),
    publicJwk: Object.freeze({ ...toPublicJwk(objects.publicKey), kid, alg, use: 'sig' })
  }
}
