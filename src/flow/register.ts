/**
 * The flow of the application, for TypeScript. Declare it once, and the scopes of guards, `request.credentials` and
 * `credentialsOf(request)` have its types everywhere:
 *
 * ```ts
 * declare module 'fastify-client-credentials' {
 *   interface Register { flow: typeof flow }
 * }
 * ```
 *
 * Without that, scopes are any strings. An application with several flows declares a union of them (`typeof one | typeof other`), and
 * passes the flow that it means to `credentialsOf(request, flow)`.
 */

export interface Register {}
