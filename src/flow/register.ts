/**
 * The flow of the application, for TypeScript. Declare it once: then the scopes of guards, `request.credentials` and
 * `credentialsOf(request)` have its types everywhere.
 *
 * ```ts
 * declare module 'fastify-client-credentials' {
 *   interface Register { flow: typeof flow }
 * }
 * ```
 *
 * Without a declaration, a scope is any string. An application with several flows declares a union (`typeof one | typeof other`), and
 * passes the flow to `credentialsOf(request, flow)`.
 */

export interface Register {}
