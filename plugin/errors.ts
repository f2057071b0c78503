import { createError } from '@fastify/error'

/** The plugin was registered without a flow. */
export const FST_OAUTH_FLOW_REQUIRED = createError(
  'FST_OAUTH_FLOW_REQUIRED',
  'The option "flow" must be a ClientCredentialsFlow. Register the plugin with { flow: new ClientCredentialsFlowBuilder(...).build() }'
)

/** The flow was built by another version of the package. */
export const FST_OAUTH_OTHER_VERSION = createError(
  'FST_OAUTH_OTHER_VERSION',
  'The flow was built by another version of fastify-client-credentials, which is installed twice. Use one version, such as by "npm dedupe"'
)

/** The flow lacks a callback, so it could only deny. */
export const FST_OAUTH_CALLBACK_MISSING = createError(
  'FST_OAUTH_CALLBACK_MISSING',
  'The flow has no %s, so %s. Call %s on the builder'
)

/** The public URL of this server is missing or invalid, so DPoP proofs could not be verified. */
export const FST_OAUTH_ORIGIN = createError(
  'FST_OAUTH_ORIGIN',
  'The URL that clients reach this server by must be known, as an https URL without query and fragment (http on loopback only). Pass it as the option "origin"'
)

/** The option clientCertificate is invalid: its trusted proxies or its format. */
export const FST_OAUTH_CLIENT_CERTIFICATE = createError(
  'FST_OAUTH_CLIENT_CERTIFICATE',
  'The option "clientCertificate" must name at least one address or network of a trusted proxy, and a known format; "base64" needs a header, and "verified" is true, a field or fields with their values. Pass { trustedProxies: ["127.0.0.1"], format: "nginx" }'
)

/** The argument of a guard is not a scope name. */
export const FST_OAUTH_INVALID_SCOPE = createError(
  'FST_OAUTH_INVALID_SCOPE',
  'requireScopes takes scope names, each an argument of its own without space, quote and backslash, or an object with a list of such names as anyOf. Write requireScopes("data:read", "data:write") or requireScopes({ anyOf: ["data:read", "data:write"] })'
)

/** A guard, or a route's config, names an undeclared scope: no token could ever have it. */
export const FST_OAUTH_UNKNOWN_SCOPE = createError(
  'FST_OAUTH_UNKNOWN_SCOPE',
  'The flow declares no scope "%s". Correct the name, or add it to setScopes on the builder'
)

/** The `oauth` member of a route's config is invalid. */
export const FST_OAUTH_INVALID_ROUTE_CONFIG = createError(
  'FST_OAUTH_INVALID_ROUTE_CONFIG',
  'config.oauth of a route %s. Write { documentedScopes: ["data:read"] }: such scopes are documented only, requireScopes enforces them'
)

/** The credentials of a request were requested on an unguarded route. */
export const FST_OAUTH_ROUTE_NOT_GUARDED = createError(
  'FST_OAUTH_ROUTE_NOT_GUARDED',
  'The request has no credentials, since no guard has run. Put preHandler: app.requireScopes() on the route %s %s'
)

/** Two flows in one document share a security scheme name. */
export const FST_OAUTH_SECURITY_SCHEME_TAKEN = createError(
  'FST_OAUTH_SECURITY_SCHEME_TAKEN',
  'Two flows share the security scheme name "%s" in one OpenAPI document. Give each its own by setSecuritySchemeName on the builder'
)

/** Two servers, or their APIs, would serve their documents at one path. */
export const FST_OAUTH_WELL_KNOWN_TAKEN = createError(
  'FST_OAUTH_WELL_KNOWN_TAKEN',
  'Another flow is served at %s already, for another issuer, resource or set of keys. Give each issuer and audience a path of its own, and register each plugin under a prefix of its own'
)

/** fastifyJwtTokens was called with invalid options. */
export const FST_OAUTH_JWT_INVALID_OPTION = createError(
  'FST_OAUTH_JWT_INVALID_OPTION',
  'fastifyJwtTokens needs %s'
)

/** The application's `@fastify/jwt` cannot create access tokens that are distinguishable from other JWTs (RFC 9068 §2.1). */
export const FST_OAUTH_JWT_HEADER = createError(
  'FST_OAUTH_JWT_HEADER',
  '@fastify/jwt signs with the header typ "%s" and alg "%s", not as an access token of RFC 9068. Register it with sign: { algorithm, header: { alg: algorithm, typ: "at+jwt" } }'
)

/** The application's `@fastify/jwt` does not verify what it signs. */
export const FST_OAUTH_JWT_UNUSABLE = createError(
  'FST_OAUTH_JWT_UNUSABLE',
  '@fastify/jwt cannot sign an access token and verify it again (%s). Register it with a key pair or a secret, and without options that contradict issuer, audience and lifetime'
)

/** clientAdminPlugin was registered with invalid options, or without clientCredentialsPlugin and its guards. */
export const FST_OAUTH_ADMIN_INVALID_OPTION = createError(
  'FST_OAUTH_ADMIN_INVALID_OPTION',
  'clientAdminPlugin needs %s'
)

/** Every boot and misuse error of the plugin, by code. */
export const PLUGIN_ERRORS = {
  FST_OAUTH_FLOW_REQUIRED,
  FST_OAUTH_OTHER_VERSION,
  FST_OAUTH_CALLBACK_MISSING,
  FST_OAUTH_ORIGIN,
  FST_OAUTH_CLIENT_CERTIFICATE,
  FST_OAUTH_INVALID_SCOPE,
  FST_OAUTH_UNKNOWN_SCOPE,
  FST_OAUTH_INVALID_ROUTE_CONFIG,
  FST_OAUTH_ROUTE_NOT_GUARDED,
  FST_OAUTH_SECURITY_SCHEME_TAKEN,
  FST_OAUTH_WELL_KNOWN_TAKEN,
  FST_OAUTH_JWT_INVALID_OPTION,
  FST_OAUTH_JWT_HEADER,
  FST_OAUTH_JWT_UNUSABLE,
  FST_OAUTH_ADMIN_INVALID_OPTION
}
