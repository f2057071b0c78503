/** How the JWT access tokens of an authorization server differ from RFC 9068. */
export interface TokenPreset {
  /** Whether the `typ` of the header may also be "JWT", or absent. */
  readonly isUntyped: boolean
  /** The claims that may contain the client_id. The first one that is present is used. */
  readonly clientId: readonly string[]
  /** The claims that may contain the scopes. The first one that is present is used. */
  readonly scope: readonly string[]
  /** Whether the scopes may be an array. */
  readonly isScopeList: boolean
  /** Claims that must be present, as strings. */
  readonly required: readonly string[]
  /** Claims that ID tokens of this server lack: one of them must be present. Empty if the `typ` of the header identifies access tokens. */
  readonly evidence: readonly string[]
  /** The allowed values of a claim, if it is present. */
  readonly values: Readonly<Record<string, readonly string[]>>
  /** Claims that other tokens of this server have, and its access tokens never have. */
  readonly excluded: readonly string[]
  /** The allowed `aud`, other than the audience, of a token for one of `clientIds`: absent, or the client itself. */
  readonly withoutAudience?: 'absent' | 'client'
}

/** The profile of RFC 9068 §2. */
export const RFC_9068: TokenPreset = {
  isUntyped: false,
  clientId: ['client_id'],
  scope: ['scope'],
  isScopeList: false,
  required: ['sub', 'client_id', 'jti'],
  evidence: [],
  values: {},
  excluded: []
}

// Claims of ID tokens (OpenID Connect Core §2, §3.3.2.11) and of logout tokens (Back-Channel Logout §2.4).
const OTHER_TOKENS = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events']

const UNTYPED = { ...RFC_9068, isUntyped: true, isScopeList: true, required: [], excluded: OTHER_TOKENS } as const

const ENTRA = { ...UNTYPED, scope: ['scp', 'roles'], required: ['ver'] } as const

/** The default access tokens of servers that do not conform to RFC 9068, by the names of the presets. */
export const TOKEN_PRESETS = {
  auth0: { ...UNTYPED, clientId: ['azp', 'client_id'], evidence: ['scope', 'gty', 'permissions', 'client_id'] },
  cognito: { ...UNTYPED, required: ['token_use'], evidence: ['client_id'], values: { token_use: ['access'] }, withoutAudience: 'absent' },
  duende: { ...UNTYPED, isUntyped: false },
  'entra-v1': { ...ENTRA, clientId: ['appid'], evidence: ['appid'], values: { ver: ['1.0'] } },
  'entra-v2': { ...ENTRA, clientId: ['azp'], evidence: ['azp'], values: { ver: ['2.0'] } },
  hydra: { ...UNTYPED, scope: ['scp', 'scope'], evidence: ['scp', 'scope'] },
  keycloak: { ...UNTYPED, clientId: ['azp', 'client_id'], evidence: ['typ', 'scope'], values: { typ: ['Bearer', 'DPoP'] } },
  okta: { ...UNTYPED, clientId: ['cid'], scope: ['scp'], evidence: ['cid'] },
  spring: {
    ...UNTYPED, clientId: ['client_id', 'sub'], evidence: ['scope', 'nbf'], excluded: [...OTHER_TOKENS, 'azp', 'sid', 'auth_time'], withoutAudience: 'client'
  }
} as const satisfies Record<string, TokenPreset>

/** The authorization servers whose default access tokens `RemoteAccessTokens` accepts. */
export type TokenPresetName = keyof typeof TOKEN_PRESETS
