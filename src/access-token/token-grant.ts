import type { OAuth2Client } from '../client-auth/oauth2-client.ts'
import type { StoredToken } from '../stores/contracts/token-store.ts'
import { tokenTypeOf } from '../token-type/token-type.ts'
import type { Confirmation } from '../token-type/token-type.ts'
import { grantAudience } from './grant-audience.ts'

/**
 * The content of an access token of any kind. Each function below must name every member, otherwise it does not compile.
 */
export interface TokenGrant {
  /** The issuer identifier of this server (RFC 8414 §2). */
  readonly issuer: string
  /** The client: this grant has no other subject (RFC 9068 §2.2). */
  readonly subject: string
  readonly clientId: string
  readonly scope: readonly string[]
  /** The audience. Never empty. */
  readonly audience: readonly string[]
  /** Seconds since 1970. */
  readonly issuedAt: number
  /** Seconds since 1970. */
  readonly expiresAt: number
  /** Undefined for an opaque token, which is found by its hash. */
  readonly id: string | undefined
  /** The generation of the client, 0 if it has none. */
  readonly generation: number
  /** The key or the certificate that the token is bound to (RFC 7800). Undefined for a bearer token. */
  readonly confirmation: Confirmation | undefined
  /** Additional claims. Undefined for none. Never one that has a member above. */
  readonly claims: Readonly<Record<string, unknown>> | undefined
}

/** The claims of a JWT access token (RFC 9068 §2.2). Undefined claims are omitted from the token. */
export interface TokenClaims {
  iss: string
  aud: string | readonly string[]
  sub: string
  client_id: string
  jti: string | undefined
  iat: number
  exp: number
  scope: string | undefined
  cnf: Confirmation | undefined
  /** The generation of the client. Undefined for 0. */
  gen: number | undefined
  [name: string]: unknown
}

/** The content of an introspection response for a valid token: the members of RFC 7662 §2.2 except `active`, and additional claims. */
export interface TokenInformation {
  iss?: string
  aud: string | readonly string[]
  sub: string
  client_id: string
  scope?: string
  iat: number
  exp: number
  jti?: string
  token_type: string
  cnf?: Confirmation
}

/** The properties of a new token that the token endpoint has granted. */
export interface GrantedToken {
  client: OAuth2Client
  scope: readonly string[]
  /** The audience, granted from the audiences of the flow's access tokens. Undefined for a flow whose access tokens have none. */
  audience?: readonly string[] | undefined
  /** The requested resources (RFC 8707 §2). Used only without `audience`. Default none. */
  resource?: readonly string[]
  /** Seconds. */
  accessTokenLifetime: number
  confirmation: Confirmation | undefined
  /** Default 0. */
  generation?: number | undefined
}

/** The properties of a new token that its kind determines. */
export interface NewToken {
  readonly issuer: string
  /** The audiences of this kind of token. They are granted here if the flow has none: when a callback calls `issue`. */
  readonly audiences: readonly string[]
  readonly id?: string | undefined
  /** Seconds since 1970. */
  readonly issuedAt: number
  /** Seconds. Limits a longer lifetime. Default Infinity. */
  readonly maxLifetime?: number
  /** Additional claims, which precede those of the client. Claims with another source, such as `exp`, are dropped. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Creates the grant of a new token from what the token endpoint has granted.
 *
 * @throws InvalidTargetError when the flow has granted no audience, and the client may have none
 */
export function createGrant (granted: GrantedToken, token: NewToken): TokenGrant {
  const { client, scope, accessTokenLifetime, confirmation, generation = 0 } = granted
  const { issuer, audiences, id, issuedAt, maxLifetime = Infinity, claims } = token
  const audience = granted.audience ?? grantAudience(granted.resource ?? [], audiences, client.audiences)
  return {
    issuer,
    subject: client.id,
    clientId: client.id,
    scope,
    audience,
    issuedAt,
    expiresAt: issuedAt + Math.min(accessTokenLifetime, maxLifetime),
    id,
    generation,
    confirmation,
    claims: furtherClaims({ ...client.claims, ...claims })
  }
}

/** Returns the claims of a JWT (RFC 9068 §2.2). */
export function toClaims (grant: TokenGrant): TokenClaims {
  const { issuer, subject, clientId, scope, audience, issuedAt, expiresAt, id, generation, confirmation, claims, ...rest } = grant
  allWritten(rest)
  return {
    ...claims,
    iss: issuer,
    aud: writeAudience(audience),
    sub: subject,
    client_id: clientId,
    jti: id,
    iat: issuedAt,
    exp: expiresAt,
    scope: scope.length > 0 ? scope.join(' ') : undefined,
    cnf: confirmation,
    gen: generation > 0 ? generation : undefined
  }
}

/** Returns the grant of a JWT from its validated claims. */
export function fromClaims (claims: TokenClaims, scope: readonly string[]): TokenGrant {
  const { iss, sub, client_id: clientId, aud, iat, exp, jti, gen, cnf } = claims
  return {
    issuer: iss,
    subject: sub,
    clientId,
    scope,
    audience: [aud].flat(),
    issuedAt: iat,
    expiresAt: exp,
    id: jti,
    generation: typeof gen === 'number' ? gen : 0,
    confirmation: cnf,
    claims: furtherClaims(claims)
  }
}

/** Returns the content of an introspection response (RFC 7662 §2.2). */
export function toTokenInformation (grant: TokenGrant): TokenInformation {
  const { issuer, subject, clientId, scope, audience, issuedAt, expiresAt, id, generation, confirmation, claims, ...rest } = grant
  allWritten(rest)
  return {
    ...claims,
    iss: issuer,
    aud: writeAudience(audience),
    sub: subject,
    client_id: clientId,
    ...(scope.length > 0 && { scope: scope.join(' ') }),
    iat: issuedAt,
    exp: expiresAt,
    ...(id !== undefined && { jti: id }),
    token_type: tokenTypeOf(confirmation),
    ...(confirmation !== undefined && { cnf: confirmation })
  }
}

/** Returns the row of an opaque token. The issuer is not stored, and the id is the hash. */
export function toStoredToken (grant: TokenGrant): StoredToken {
  const { issuer, subject, clientId, scope, audience, issuedAt, expiresAt, id, generation, confirmation, claims, ...rest } = grant
  allWritten(rest)
  return {
    clientId,
    scope,
    audience,
    issuedAt,
    expiresAt,
    ...(generation > 0 && { generation }),
    ...(confirmation !== undefined && { confirmation }),
    ...(claims !== undefined && { claims })
  }
}

/** Returns the grant of a stored opaque token. */
export function fromStoredToken ({ clientId, scope, audience, issuedAt, expiresAt, generation = 0, confirmation, claims }: StoredToken, issuer: string): TokenGrant {
  return { issuer, subject: clientId, clientId, scope, audience, issuedAt, expiresAt, id: undefined, generation, confirmation, claims }
}

// Contains every member, so that the names of all claims can be derived.
const NO_GRANT: TokenGrant = {
  issuer: '', subject: '', clientId: '', scope: [], audience: [], issuedAt: 0, expiresAt: 0, id: undefined, generation: 0, confirmation: undefined, claims: undefined
}

// An additional claim with such a name would contradict the token (RFC 7519 §4.1, RFC 7662 §2.2). A function named toJSON would
// replace all claims (JSON.stringify).
const RESERVED: ReadonlySet<string> = new Set([...Object.keys(toClaims(NO_GRANT)), 'nbf', 'active', 'token_type', 'toJSON'])

function furtherClaims (claims: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const further = Object.entries(claims).filter(([name]) => !RESERVED.has(name))
  return further.length === 0 ? undefined : Object.fromEntries(further)
}

/** Returns the audience of a token. A single one is a string, since many libraries compare it as a string. */
function writeAudience (audience: readonly string[]): string | readonly string[] {
  return audience.length === 1 ? audience[0]! : audience
}

// A member that a function does not name is left in its rest parameter, and then does not compile.
function allWritten (_rest: Record<string, never>): void {}
