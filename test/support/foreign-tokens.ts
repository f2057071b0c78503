// JWTs as other authorization servers issue them by default. Names and forms of claims are theirs, all values are invented.
import type { TokenPresetName } from '../../src/access-token/remote/presets.ts'

type Members = Record<string, unknown>

/** A JWT: its header without `alg` and `kid`, and its claims without `iss`, `iat` and `exp`. */
export interface ForeignJwt { typ?: string, claims: Members }

/** The JWTs of one server. */
export interface ForeignTokens {
  /** The path of the issuer. */
  path: string
  /** Access tokens that a client got for itself: accepted with the scopes data:read and data:write. */
  access: Record<string, ForeignJwt>
  /** Genuine JWTs of the same server and key that are no access token for this API. */
  others: Record<string, ForeignJwt>
  /** Claims without which the (first) access token is rejected. */
  needed: readonly string[]
}

const CLIENT = 'reporting'
const GUID = '6a1b5c0e-9f2d-4c1a-8a3f-2f6f0e8f7c11'

/** The audience of this API in the tokens of {@link foreignTokens}. */
export const FOREIGN_AUDIENCE = 'https://api.example'

/** The client that the access tokens were issued to. */
export const FOREIGN_CLIENT = CLIENT

const ID_TOKEN = { sub: 'alice', auth_time: 1_799_999_000, nonce: 'n-0S6', at_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng' }
const other = (jwt: ForeignJwt): ForeignJwt => ({ ...jwt, claims: { ...jwt.claims, aud: 'https://other.example' } })
const without = (jwt: ForeignJwt, ...names: string[]): ForeignJwt => ({ ...jwt, claims: Object.fromEntries(Object.entries(jwt.claims).filter(([name]) => !names.includes(name))) })

const keycloak: ForeignJwt = {
  typ: 'JWT',
  claims: {
    jti: 'trrtcc:4f1d',
    aud: [FOREIGN_AUDIENCE, 'account'],
    sub: GUID,
    typ: 'Bearer',
    azp: CLIENT,
    acr: '1',
    'allowed-origins': ['/*'],
    realm_access: { roles: ['offline_access'] },
    scope: 'data:read data:write',
    clientHost: '10.0.0.7',
    client_id: CLIENT,
    clientAddress: '10.0.0.7'
  }
}
const keycloakId: ForeignJwt = { typ: 'JWT', claims: { ...ID_TOKEN, jti: '1', aud: FOREIGN_AUDIENCE, typ: 'ID', azp: CLIENT, sid: 's', acr: '1' } }

const okta: ForeignJwt = { claims: { ver: 1, jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE', aud: FOREIGN_AUDIENCE, cid: CLIENT, scp: ['data:read', 'data:write'], sub: CLIENT } }
const cognito: ForeignJwt = { claims: { sub: CLIENT, token_use: 'access', scope: 'data:read data:write', auth_time: 1_799_999_000, version: 2, jti: GUID, client_id: CLIENT } }
const entraV1: ForeignJwt = {
  typ: 'JWT',
  claims: {
    aud: FOREIGN_AUDIENCE,
    nbf: 1_799_999_000,
    aio: 'E2Zg',
    appid: CLIENT,
    appidacr: '1',
    idp: 'https://sts.windows.net/tenant/',
    oid: GUID,
    rh: '0.AR',
    roles: ['data:read', 'data:write'],
    sub: GUID,
    tid: 'tenant',
    uti: 'u1',
    ver: '1.0'
  }
}
const entraV2: ForeignJwt = {
  typ: 'JWT',
  claims: {
    aud: FOREIGN_AUDIENCE,
    nbf: 1_799_999_000,
    aio: 'E2Zg',
    azp: CLIENT,
    azpacr: '1',
    oid: GUID,
    rh: '0.AR',
    roles: ['data:read', 'data:write'],
    sub: GUID,
    tid: 'tenant',
    uti: 'u1',
    ver: '2.0'
  }
}
const auth0: ForeignJwt = { typ: 'JWT', claims: { sub: `${CLIENT}@clients`, aud: FOREIGN_AUDIENCE, azp: CLIENT, scope: 'data:read data:write', gty: 'client-credentials' } }
const hydra: ForeignJwt = { typ: 'JWT', claims: { aud: [FOREIGN_AUDIENCE], client_id: CLIENT, ext: {}, jti: GUID, nbf: 1_799_999_000, scp: ['data:read', 'data:write'], sub: CLIENT } }
const duende: ForeignJwt = { typ: 'at+jwt', claims: { nbf: 1_799_999_000, aud: FOREIGN_AUDIENCE, scope: ['data:read', 'data:write'], client_id: CLIENT, jti: 'ABC' } }
const spring: ForeignJwt = { claims: { sub: CLIENT, aud: FOREIGN_AUDIENCE, nbf: 1_799_999_000, scope: ['data:read', 'data:write'], jti: GUID } }
const springDefault: ForeignJwt = { claims: { ...spring.claims, aud: CLIENT } }

/** The JWTs of each server that has a preset. The only client whose tokens are accepted is {@link FOREIGN_CLIENT}. */
export const foreignTokens: Record<TokenPresetName, ForeignTokens> = {
  auth0: {
    path: '/',
    access: {
      default: auth0,
      'for a user, by way of a client': { ...auth0, claims: { ...auth0.claims, sub: 'auth0|1', aud: [FOREIGN_AUDIENCE, 'https://tenant.auth0.com/userinfo'], gty: undefined } },
      'RFC 9068': { typ: 'at+jwt', claims: { sub: CLIENT, aud: FOREIGN_AUDIENCE, client_id: CLIENT, jti: '1', scope: 'data:read data:write' } }
    },
    others: {
      'ID token': { typ: 'JWT', claims: { ...ID_TOKEN, aud: FOREIGN_AUDIENCE, sid: 's' } },
      'ID token with azp, of the code flow': { typ: 'JWT', claims: { sub: 'auth0|1', aud: FOREIGN_AUDIENCE, azp: CLIENT, sid: 's', name: 'Alice' } },
      'logout token': { typ: 'logout+jwt', claims: { sub: 'auth0|1', aud: FOREIGN_AUDIENCE, jti: '1', sid: 's', events: { 'http://schemas.openid.net/event/backchannel-logout': {} } } },
      'another API': other(auth0)
    },
    needed: ['aud', 'azp', 'iss', 'exp']
  },
  cognito: {
    path: '/eu-central-1_AbCdEf',
    access: { default: cognito, 'with resource binding': { claims: { ...cognito.claims, aud: FOREIGN_AUDIENCE } } },
    others: {
      'ID token': { claims: { ...ID_TOKEN, aud: CLIENT, token_use: 'id', 'cognito:username': 'alice', jti: '1' } },
      'ID token with a client_id': { claims: { sub: 'alice', aud: FOREIGN_AUDIENCE, client_id: CLIENT, token_use: 'id', jti: '1' } },
      'another client': { claims: { ...cognito.claims, client_id: 'stranger' } },
      'another API, by resource binding': other(cognito),
      'an aud that is null': { claims: { ...cognito.claims, aud: null } },
      'an empty list of audiences': { claims: { ...cognito.claims, aud: [] } }
    },
    needed: ['client_id', 'token_use', 'iss', 'exp']
  },
  duende: {
    path: '',
    access: { default: duende, 'a scope that is a string': { ...duende, claims: { ...duende.claims, scope: 'data:read data:write' } } },
    others: {
      'ID token': { typ: 'JWT', claims: { ...ID_TOKEN, aud: FOREIGN_AUDIENCE, amr: ['pwd'], sid: 's' } },
      'an access token that says it is a JWT': { ...duende, typ: 'JWT' },
      'logout token': { typ: 'logout+jwt', claims: { aud: FOREIGN_AUDIENCE, client_id: CLIENT, jti: '1', sid: 's', events: {} } },
      'no API resource': without(duende, 'aud'),
      'another API': other(duende)
    },
    needed: ['aud', 'client_id', 'iss', 'exp']
  },
  'entra-v1': {
    path: '/tenant/',
    access: { default: entraV1, 'for a user': { ...entraV1, claims: { ...entraV1.claims, roles: ['admin'], scp: 'data:read data:write' } } },
    others: {
      'ID token': { typ: 'JWT', claims: { ...ID_TOKEN, aud: FOREIGN_AUDIENCE, amr: ['pwd'], oid: GUID, tid: 'tenant', unique_name: 'alice', ver: '1.0' } },
      'ID token of the code flow with roles': { typ: 'JWT', claims: { sub: 'alice', aud: FOREIGN_AUDIENCE, roles: ['data:read'], oid: GUID, tid: 'tenant', ver: '1.0' } },
      'version 2': entraV2,
      'another API': other(entraV1)
    },
    needed: ['aud', 'appid', 'ver', 'iss', 'exp']
  },
  'entra-v2': {
    path: '/tenant/v2.0',
    access: { default: entraV2, 'for a user': { ...entraV2, claims: { ...entraV2.claims, roles: ['admin'], scp: 'data:read data:write' } } },
    others: {
      'ID token': { typ: 'JWT', claims: { ...ID_TOKEN, aud: FOREIGN_AUDIENCE, preferred_username: 'alice', oid: GUID, tid: 'tenant', ver: '2.0' } },
      'ID token of the code flow with roles': { typ: 'JWT', claims: { sub: 'alice', aud: FOREIGN_AUDIENCE, roles: ['data:read'], oid: GUID, tid: 'tenant', ver: '2.0' } },
      'version 1': entraV1,
      'another API': other(entraV2)
    },
    needed: ['aud', 'azp', 'ver', 'iss', 'exp']
  },
  hydra: {
    path: '/',
    access: { default: hydra, 'a scope claim that is a string': { ...hydra, claims: { ...hydra.claims, scp: undefined, scope: 'data:read data:write' } } },
    others: {
      'ID token': { typ: 'JWT', claims: { ...ID_TOKEN, aud: [FOREIGN_AUDIENCE], jti: '1', rat: 1, sid: 's' } },
      'logout token': { typ: 'JWT', claims: { aud: [FOREIGN_AUDIENCE], jti: '1', sid: 's', events: { 'http://schemas.openid.net/event/backchannel-logout': {} } } },
      'no audience asked for': { ...hydra, claims: { ...hydra.claims, aud: [] } },
      'another API': other(hydra)
    },
    needed: ['aud', 'client_id', 'scp', 'iss', 'exp']
  },
  keycloak: {
    path: '/realms/shop',
    access: {
      default: keycloak,
      'lightweight, without sub and client_id': without(keycloak, 'sub', 'client_id'),
      'header type of RFC 9068': { ...keycloak, typ: 'at+jwt' },
      'bound by DPoP': { ...keycloak, claims: { ...keycloak.claims, typ: 'DPoP', cnf: { jkt: 'thumbprint' } } }
    },
    others: {
      'ID token': keycloakId,
      'ID token of the code flow': { typ: 'JWT', claims: without(keycloakId, 'nonce', 'at_hash').claims },
      'ID token without its typ claim': { typ: 'JWT', claims: without(keycloakId, 'nonce', 'at_hash', 'typ').claims },
      'refresh token': { typ: 'JWT', claims: { jti: '1', aud: FOREIGN_AUDIENCE, sub: GUID, typ: 'Refresh', azp: CLIENT, scope: 'data:read' } },
      'offline token': { typ: 'JWT', claims: { jti: '1', aud: FOREIGN_AUDIENCE, sub: GUID, typ: 'Offline', azp: CLIENT, scope: 'data:read' } },
      'logout token': { typ: 'JWT', claims: { jti: '1', aud: FOREIGN_AUDIENCE, sub: GUID, typ: 'Logout', azp: CLIENT, events: {} } },
      'another API': { ...keycloak, claims: { ...keycloak.claims, aud: 'account' } },
      'no audience mapper': without(keycloak, 'aud')
    },
    needed: ['aud', 'iss', 'exp']
  },
  okta: {
    path: '/oauth2/default',
    access: { default: okta, 'for a user': { claims: { ...okta.claims, sub: 'alice@example.com', uid: '00u1', auth_time: 1_799_999_000 } } },
    others: {
      'ID token': { claims: { ...ID_TOKEN, ver: 1, jti: 'ID.4ea', aud: FOREIGN_AUDIENCE, amr: ['pwd'], idp: '00o1' } },
      'ID token of the code flow': { claims: { sub: 'alice', ver: 1, jti: 'ID.4ea', aud: FOREIGN_AUDIENCE, amr: ['pwd'], idp: '00o1' } },
      'internal token of the organization': { ...okta, typ: 'application/okta-internal-at+jwt' },
      'another API': other(okta)
    },
    needed: ['aud', 'cid', 'iss', 'exp']
  },
  spring: {
    path: '',
    access: { default: springDefault, 'aud set by a customizer': spring, 'client_id set by a customizer': { claims: { ...spring.claims, sub: 'alice', client_id: CLIENT } } },
    others: {
      'ID token': { claims: { ...ID_TOKEN, aud: CLIENT, azp: CLIENT, sid: 's', jti: '1' } },
      'ID token of the client itself': { claims: { sub: CLIENT, aud: CLIENT, azp: CLIENT, jti: '1' } },
      'a user whose token is for a client': { claims: { ...springDefault.claims, sub: 'alice' } },
      'another client': { claims: { ...springDefault.claims, sub: 'stranger', aud: 'stranger' } },
      'another API beside the client': { claims: { ...springDefault.claims, aud: [CLIENT, 'https://other.example'] } },
      'an empty list of audiences': { claims: { ...springDefault.claims, aud: [] } },
      'another API': other(spring)
    },
    needed: ['aud', 'sub', 'iss', 'exp']
  }
}
