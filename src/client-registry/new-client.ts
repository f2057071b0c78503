import { randomInt } from 'node:crypto'
import { wrongClient } from '../errors/client-error.ts'
import { generateClientId, generateSecret, generateSecretId, isGeneratedSecret } from '../lib/generated-secret.ts'
import type { StoredClient, StoredSecret } from '../stores/contracts/index.ts'
import { isSeconds } from './client-field-kinds.ts'
import type { AuthMethods, ClientRegistration } from './client-fields.ts'
import { isSecret, toPlainHash } from './secrets/fast-secrets.ts'
import type { SecretHashes } from './secrets/fast-secrets.ts'
import type { SlowSecretHashes } from './secrets/slow-secret-hash.ts'
import { checkRegistration, needsSecret } from './validate-registration.ts'

/** A newly issued secret. `secret` is shown only once: the store keeps its hash. */
export interface IssuedSecret {
  /** The identifier of the secret, for revokeSecret. Reveals nothing of the secret. */
  id: string
  /** The secret. It cannot be retrieved again. */
  secret: string
  /** Seconds since 1970. Undefined if it does not expire. */
  expiresAt: number | undefined
}

/** Options of a new secret. */
export interface SecretOptions {
  /** Seconds until it expires. Default never. */
  lifetime?: number
}

/** A client to add. */
export interface NewClient extends ClientRegistration, SecretOptions {
  /** Visible ASCII characters without quote and backslash, at most 255. Default a generated id. */
  id?: string
  /**
   * An existing secret: 1 to 1,024 characters, none of them a control character. It is hashed with scrypt, since a person may have
   * chosen it, unless it has the format of generated secrets. Does NOT check whether it can be guessed. Default: one is generated,
   * unless the client has keys or a certificate. `null` never generates one.
   */
  secret?: string | null
  /**
   * Replaces `secret` with the hash of an existing one: `sha256:` and its SHA-256, in hex or base64url. Only for secrets of at least
   * 128 random bits: the hash does not slow down an attacker who obtains it. Not allowed with peppers, unless null is among them.
   */
  secretHash?: string
}

/** Settings for creating clients and secrets. */
export interface ClientMaker {
  readonly hashes: SecretHashes
  readonly slowHashes: SlowSecretHashes
  /** The client authentication methods that clients can be registered for. */
  readonly methods: () => AuthMethods
  /** Whether processes of release 0.1.0 may read what is stored. */
  readonly isUpgrading: () => Promise<boolean>
  readonly now: () => number
}

// Leaves room for as many changes again.
const MAX_FIRST_VERSION = 2 ** 30
/** Seconds: 100 years. */
export const MAX_LIFETIME = 3_155_760_000
/** The requirement on the lifetime of a secret, for errors. */
export const LIFETIME_DEMAND = 'lifetime must be a whole number of seconds above zero, of 100 years at most'
const WRONG_HASH = 'secretHash must be "sha256:" and a SHA-256 in hex or base64url, and null among the peppers if there are any'
const CLIENT_ID = /^[\x21\x23-\x5B\x5D-\x7E]{1,255}$/

/** Returns whether a value can be a client_id: visible ASCII (RFC 6749 appendix A.1), without quote and backslash. */
export function isClientId (id: unknown): id is string {
  return typeof id === 'string' && CLIENT_ID.test(id)
}

/**
 * Creates a client in its stored form.
 *
 * @throws FlowConfigurationError with the invalid member in its message
 */
export async function makeClient (maker: ClientMaker, client: NewClient): Promise<{ stored: StoredClient, issued: IssuedSecret | undefined }> {
  const { id = generateClientId(), secret, secretHash, lifetime } = client
  const registration = checkNewClient(client, maker.methods())

  const createdAt = maker.now()
  const isGenerated = secret === undefined && secretHash === undefined && needsSecret(registration, maker.methods())
  const { made, issued } = isGenerated ? makeSecret(maker, { lifetime }) : { made: await importSecret(maker, client), issued: undefined }
  const secrets = made === undefined ? [] : [made]
  // Starts with a random version: a compare-and-set by another process must fail if the client was removed and added again meanwhile.
  // Otherwise it could restore old secrets.
  return { stored: { scopes: [], ...registration, id, version: randomInt(MAX_FIRST_VERSION), secrets, createdAt, updatedAt: createdAt }, issued }
}

/**
 * Validates a client before it is added. Does NOT check whether its id is in use, and whether the peppers allow its secretHash.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_CLIENT, with the invalid member in its message
 */
export function checkNewClient (client: NewClient, methods?: AuthMethods): ClientRegistration {
  const { id, secret, secretHash, lifetime, ...members } = client
  const registration = checkRegistration(members, methods)
  if (id !== undefined && !isClientId(id)) throw wrongClient('id must be at most 255 visible ASCII characters without quote and backslash')
  if (secret !== undefined && secretHash !== undefined) throw wrongClient('secret and secretHash exclude each other')
  if (secret !== undefined && secret !== null && !isSecret(secret)) throw wrongClient('secret must have 1 to 1,024 characters, none of them a control character')
  if (secretHash !== undefined && toPlainHash(secretHash) === undefined) throw wrongClient(WRONG_HASH)
  return registration
}

/** Generates a secret. @throws FlowConfigurationError for an invalid lifetime */
export function makeSecret (maker: ClientMaker, { lifetime }: { lifetime: number | undefined }): { made: StoredSecret, issued: IssuedSecret } {
  const secret = generateSecret()
  const made = { ...newSecret(maker, lifetime), hash: maker.hashes.hash(secret) }
  return { made, issued: { id: made.id, secret, expiresAt: made.expiresAt } }
}

async function importSecret (maker: ClientMaker, { secret, secretHash, lifetime }: NewClient): Promise<StoredSecret | undefined> {
  const { hashes, slowHashes } = maker
  const made = newSecret(maker, lifetime)
  if (secretHash !== undefined) {
    const hash = toPlainHash(secretHash)
    if (hash === undefined || hashes.parse(hash) === undefined) throw wrongClient(WRONG_HASH)
    return { ...made, hash }
  }
  if (secret === undefined || secret === null) return undefined
  return isGeneratedSecret(secret) ? { ...made, hash: hashes.hash(secret) } : { ...made, hash: await slowHashes.hash(secret, await maker.isUpgrading()), isImported: true }
}

function newSecret ({ now }: ClientMaker, lifetime: number | undefined): Omit<StoredSecret, 'hash'> {
  if (lifetime !== undefined && !(isSeconds(lifetime) && lifetime <= MAX_LIFETIME)) throw wrongClient(LIFETIME_DEMAND)
  const createdAt = now()
  return { id: generateSecretId(), createdAt, ...(lifetime !== undefined && { expiresAt: createdAt + lifetime }) }
}
