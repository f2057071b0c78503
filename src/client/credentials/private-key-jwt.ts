import { clockSkew, PrivateKeyJwt } from 'oauth4webapi'
import type { ClientAuth } from 'oauth4webapi'
import { systemClock } from '../../lib/clock.ts'
import { clientAssertion } from './client-assertion.ts'
import { importPrivateKey } from './import-key.ts'
import type { PrivateKeyInput } from './import-key.ts'

/** A key that this process does not have, such as one in a KMS or HSM. */
export interface ExternalSigner {
  /** The JWS algorithm, such as "ES256". */
  alg: string
  kid?: string
  /** Signs the bytes and returns the signature as JWS has it (RFC 7518 §3): for ECDSA both numbers, not DER. */
  sign: (data: Uint8Array<ArrayBuffer>) => Uint8Array | Promise<Uint8Array>
}

/** A key with its registered key id, for keys that contain none. */
export interface NamedKey {
  key: PrivateKeyInput
  kid: string
}

/** The values of the option `privateKey`. */
export type AssertionKey = PrivateKeyInput | NamedKey | ExternalSigner

// Seconds. A new assertion is signed for each token request.
const LIFETIME = 60

const imported = new WeakMap<object, Promise<ClientAuth>>()

/** Returns the client authentication by private_key_jwt. Imports each key once. @throws TypeError for an unusable key */
export async function privateKeyJwt (key: AssertionKey): Promise<ClientAuth> {
  if (typeof key === 'string') return await createAuth(key)
  let auth = imported.get(key)
  if (auth === undefined) imported.set(key, auth = createAuth(key))
  return await auth
}

async function createAuth (input: AssertionKey): Promise<ClientAuth> {
  if (typeof input === 'object' && 'sign' in input) return signedElsewhere(input)
  const named = typeof input === 'object' && 'key' in input ? input : undefined
  const { key, kid = named?.kid } = await importPrivateKey(named?.key ?? input as PrivateKeyInput)
  return PrivateKeyJwt(kid === undefined ? key : { key, kid })
}

function signedElsewhere ({ alg, kid, sign }: ExternalSigner): ClientAuth {
  return async (as, client, ...rest) => {
    const iat = systemClock() + (client[clockSkew] ?? 0)
    const claims = { iss: client.client_id, sub: client.client_id, aud: as.issuer, jti: crypto.randomUUID(), iat, nbf: iat, exp: iat + LIFETIME }
    const input = `${encode(JSON.stringify({ alg, kid }))}.${encode(JSON.stringify(claims))}`
    const signature = await sign(new TextEncoder().encode(input))
    clientAssertion(`${input}.${toBase64url(signature)}`, client.client_id)(as, client, ...rest)
  }
}

function encode (text: string): string {
  return toBase64url(new TextEncoder().encode(text))
}

function toBase64url (bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
