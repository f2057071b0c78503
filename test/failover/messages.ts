/** What a process is started with. */
export interface ServerPlan {
  /** How it is called in the report. */
  readonly name: string
  /** Where it listens: signed tokens, and opaque tokens. */
  readonly ports: readonly [jwt: number, opaque: number]
  readonly postgresPort: number
  readonly redisPort: number
  readonly issuer: string
  readonly opaqueIssuer: string
  readonly audience: string
  /** Where it writes its log. Default nowhere. */
  readonly logFile?: string | undefined
}

/** What a resource server elsewhere is started with. */
export interface ResourceServerPlan {
  readonly name: string
  /** Where it listens: tokens by introspection, and by the JWKS. */
  readonly ports: readonly [introspection: number, jwks: number]
  readonly issuer: string
  readonly audience: string
  readonly clientId: string
  readonly clientSecret: string
}

/** Sets the clock of a resource server ahead. */
export interface ClockChange { readonly kind: 'clock', /** seconds, in all */ readonly ahead: number }

/** The feeds and states that a server reads. */
export type Feed = 'entries' | 'revocations' | 'opaque' | 'keys' | 'clients'

/** An attempt to read. Times as in time.ts. `isComplete`: the last page is in. */
export interface ReadReport { readonly kind: 'read', readonly feed: Feed, readonly begunAt: number, readonly endedAt: number, readonly isComplete: boolean, readonly isFailed: boolean }

/** Entries or revocations that were written back to a store that had lost them. */
export interface WriteBackReport { readonly kind: 'write-back', readonly feed: Feed, readonly ids: readonly string[], readonly at: number }

/** A question of a resource server to the issuer. */
export interface QuestionReport {
  readonly kind: 'question'
  readonly about: 'introspection' | 'jwks'
  readonly sentAt: number
  readonly receivedAt: number
  /** Which server has answered. */
  readonly by: string
  /** The token in question. */
  readonly token?: string
  readonly isActive?: boolean
  /** The keys of the JWKS. */
  readonly kids?: readonly string[]
}

export type Report = ReadReport | WriteBackReport | QuestionReport | { readonly kind: 'ready' }

/** An order to a server, by a route that is open: what an administrator would do by the admin API. */
export type Order =
  | { readonly order: 'revoke tokens' | 'disable' | 'enable' | 'remove' | 'add' | 'rotate secret' | 'reset', readonly id: string }
  | { readonly order: 'revoke secret', readonly id: string, readonly secretId: string }
  | { readonly order: 'revoke key', readonly id: string }
  | { readonly order: 'revoke all' }

/** What came of it. */
export interface Outcome { readonly isDone: boolean, readonly generation: number, readonly secret?: string, readonly secretId?: string }
