import type { AuthCredentials } from '../access-token/credentials.ts'
import type { ClientCredentialsFlow } from './client-credentials-flow.ts'
import type { Register } from './register.ts'

/** The flow that the application has declared in {@link Register}; otherwise any flow. */
export type RegisteredFlow = Register extends { flow: infer Flow } ? Flow : ClientCredentialsFlow

type TypesOf<Flow> = Flow extends { readonly '~types'?: infer Types } ? NonNullable<Types> : never

/** The names of the scopes of a flow. */
export type ScopeOf<Flow> = TypesOf<Flow> extends { readonly scope: infer Scope extends string } ? Scope : string

/** The credentials of the routes of a flow. */
export type CredentialsOf<Flow> = TypesOf<Flow> extends { readonly credentials: infer Credentials extends AuthCredentials } ? Credentials : AuthCredentials
