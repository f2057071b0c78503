// What is kept outside of the process, as small interfaces: each part of the core declares here what it needs of a store.
// A method that cannot do its work rejects with StoreUnavailableError; what that means is the caller's to decide.
import type { JSONWebKeySet, JWK } from 'jose'

/** A signing key as it is stored. Times are in seconds since 1970. */
export interface StoredKey {
  /** The RFC 7638 thumbprint of the public key. */
  kid: string
  /** The JWS algorithm that the key signs with. */
  alg: string
  /** A JWK, or, where it is sealed, an encrypted one: a compact JWE (RFC 7517 §7). */
  privateJwk: JWK | string
  /** Seconds since 1970. */
  createdAt: number
  /** When it begins to sign. Until then it is announced only. */
  activeFrom: number
}

/** All signing keys of a server, and the version of that state. */
export interface KeySet {
  /** Counts the changes, for replaceKeys. */
  version: number
  /** All of them. */
  keys: readonly StoredKey[]
}

/** Keeps the signing keys. */
export interface KeyStore {
  /** Reads the keys; version 0 and no keys where none were written yet. */
  readKeys (): Promise<KeySet>
  /**
   * Replaces all keys if nobody has since `set.version` was read, in one atomic step, and counts the version up.
   *
   * @returns false when somebody was faster: read again
   */
  replaceKeys (set: KeySet): Promise<boolean>
}

/** One access token that is no longer valid, or all of a client that were issued up to a moment. Times are in seconds since 1970. */
export type Revocation =
  | { kind: 'token', /** its jti, or the hash of an opaque one */ id: string, /** when it may be forgotten: the token's own expiry */ expiresAt: number }
  | { kind: 'client', /** the client_id */ id: string, /** tokens that were issued before this are invalid */ issuedBefore: number, expiresAt: number }

/** Keeps revocations until they expire, and hands them out to every process. */
export interface RevocationStore {
  /** Keeps a revocation until it expires, at least. Every process finds it in the list once this has resolved. */
  addRevocation (revocation: Revocation): Promise<void>
  /**
   * Lists what was added since a cursor. What was added just before it may be listed again.
   *
   * @param cursor undefined for all that have not expired
   */
  listRevocations (cursor: string | undefined): Promise<{ revocations: readonly Revocation[], cursor: string }>
}

/** An opaque access token as it is stored: never the token. Times are in seconds since 1970. */
export interface StoredToken {
  /** The client that it was issued to. */
  clientId: string
  /** Its scopes. */
  scope: readonly string[]
  /** What it is for. */
  audience: readonly string[]
  /** Seconds since 1970. */
  issuedAt: number
  /** Seconds since 1970. */
  expiresAt: number
  /** What it is bound to. Undefined for a bearer token. */
  confirmation?: Readonly<Record<string, string>>
}

/** Keeps opaque access tokens under their hash until they expire. */
export interface TokenStore {
  /** Keeps a token under its hash until it expires, at least. */
  saveToken (hash: string, token: StoredToken): Promise<void>
  /** @returns undefined for one that is unknown, was removed, or has expired */
  findToken (hash: string): Promise<StoredToken | undefined>
  /** Forgets a token. Nothing if it is not there. */
  removeToken (hash: string): Promise<void>
}

/** A secret of a client as it is stored: never the secret. Times are in seconds since 1970. */
export interface StoredSecret {
  /** Names the secret among those of its client; no secret itself. */
  id: string
  /** What a presented secret is compared with. Only the registry reads it. */
  hash: string
  /** Made elsewhere, perhaps by a human, and therefore hashed slowly. */
  isImported?: boolean
  /** Seconds since 1970. */
  createdAt: number
  /** Never, when left out. */
  expiresAt?: number
}

/** The one name in a client's certificate that it authenticates by (RFC 8705 §2.1.2). */
export type CertificateName =
  | { subjectDn: string }
  | { sanDns: string }
  | { sanUri: string }
  | { sanIp: string }
  | { sanEmail: string }

/** What can be said of a client when it is registered or changed. */
export interface ClientRegistration {
  /** For humans. */
  name?: string
  /** Default none. */
  scopes?: readonly string[]
  /** What it gets when it asks for no scope; each among its scopes. Default all of its scopes. */
  defaultScopes?: readonly string[]
  /** The resources that its tokens may be for (RFC 8707). Default all of the server's. */
  audiences?: readonly string[]
  /** For a resource server: the audiences whose tokens it may introspect (RFC 7662 §4). */
  introspects?: readonly string[]
  /** Seconds. Default the flow's. */
  accessTokenLifetime?: number
  /** The client authentication methods that it may use, by their names in RFC 7591 §2. Default all that it has secrets or keys for. */
  authMethods?: readonly string[]
  /** Its public keys. Not together with jwksUri (RFC 7591 §2). */
  jwks?: JSONWebKeySet
  /** Where its public keys are: an https URL, or http on this machine. */
  jwksUri?: string
  /** The name in its certificate that it authenticates by. */
  certificateName?: CertificateName
  /** What its tokens must be bound to. */
  senderConstraint?: 'dpop' | 'mtls'
}

/** A client as it is stored, whole: a store keeps all members and reads none but id, version and isImported. */
export interface StoredClient extends ClientRegistration {
  /** The client_id. */
  id: string
  /** Counts the changes, from any number on. */
  version: number
  /** Whether it gets no tokens. */
  isDisabled?: boolean
  /** What it may have. */
  scopes: readonly string[]
  /** The hashes of its secrets. */
  secrets: readonly StoredSecret[]
  /** Seconds since 1970. */
  createdAt: number
  /** Seconds since 1970. */
  updatedAt: number
}

/** When a secret was used last. */
export interface SecretUse {
  /** Whose secret. */
  clientId: string
  /** Which of its secrets. */
  secretId: string
  /** Seconds since 1970. */
  usedAt: number
}

/** Keeps the clients. */
export interface ClientStore {
  /**
   * Adds clients, in one atomic step. One whose id is there already is left as it is.
   *
   * @returns the ids of those that were added
   */
  addClients (clients: readonly StoredClient[]): Promise<readonly string[]>
  /** @returns those that are there, in any order */
  findClients (ids: readonly string[]): Promise<readonly StoredClient[]>
  /**
   * Replaces a client if it has `client.version` still, in one atomic step, and counts the version up.
   *
   * @returns false when somebody was faster, or it is gone: read again
   */
  replaceClient (client: StoredClient): Promise<boolean>
  /** @returns false for a client that is not there */
  removeClient (id: string): Promise<boolean>
  /** Lists clients in the order of the UTF-8 bytes of their ids, behind `after`. */
  listClients (page: { after?: string, limit: number }): Promise<readonly StoredClient[]>
  /**
   * Lists the ids of clients that were replaced or removed since a cursor, as far as an hour back; not those that were
   * added. What changed just before the cursor may be listed again.
   *
   * @param cursor undefined for none, and the cursor of now
   */
  listClientChanges (cursor: string | undefined): Promise<{ ids: readonly string[], cursor: string }>
  /** Tells whether any client has a secret that is imported. */
  hasImportedSecrets (): Promise<boolean>
  /** Notes when secrets were used. An earlier use than the one that is known changes nothing. */
  saveSecretUses (uses: readonly SecretUse[]): Promise<void>
  /** Lists the last uses of the secrets of clients. */
  findSecretUses (clientIds: readonly string[]): Promise<readonly SecretUse[]>
}

/** Remembers what may be used once only: assertions, proofs. */
export interface ReplayStore {
  /**
   * Reserves a key, in one atomic step.
   *
   * @param expiresAt when it may be reserved again, in seconds since 1970, perhaps a fraction
   * @returns false when it is reserved already
   */
  reserve (key: string, expiresAt: number): Promise<boolean>
}

/** Counts failures. */
export interface FailureStore {
  /**
   * Counts one more failure, in one atomic step.
   *
   * @param window seconds after the first failure when all of this key are forgotten
   * @returns how many there are, this one included, and when they are forgotten, in seconds since 1970
   */
  countFailure (key: string, window: number): Promise<{ count: number, forgottenAt: number }>
  /** Forgets the failures of a key. */
  forgetFailures (key: string): Promise<void>
}
