/** The lifetime of tokens in seconds: longer than a run. */
export const LIFETIME = 3600
/** The options of SigningKeys, the same everywhere. */
export const KEY_TIMES = { announceFor: 1200, rotateEvery: 86_400, maxTokenLifetime: LIFETIME }

/** Milliseconds within which a process that can read rejects what was revoked (design §3.2 R). */
export const PROMISED = 1000
/** Milliseconds for which a process goes on with what it has read while it cannot read (A): the default of `maxStale`. */
export const MAX_STALE = 600_000
/** Milliseconds after a failed attempt for which what was read last counts (design §3.1). */
export const AFTER_FAILURE = 500
/** Milliseconds that an introspecting server keeps an answer, counted from its question. */
export const INTROSPECTION_AGE = 60_000
/** Milliseconds that a resource server keeps the JWKS. */
export const JWKS_AGE = 600_000
/** Milliseconds in which requests that were under way to the issuer fail when its address is led to another server. */
export const PROXY_CHANGES_WITHIN = 200
/** Milliseconds for which a resource server may not look for an unknown key again: the longest of its waits. */
export const SEEK_AGAIN_AFTER = 30_000
/** Milliseconds until what was lost is written back: a second to notice it, up to five of delay, and the time to write. */
export const WRITTEN_BACK_WITHIN = 8000
/** Milliseconds after the new primary can be reached in which connections are made anew. */
export const RECONNECTED_WITHIN = 1500
