import type { FastifyInstance } from 'fastify'

/**
 * The option whose callback receives the instance in which the plugin is registered, for helpers that create options and need its
 * log and hooks.
 */
export const ON_REGISTER: unique symbol = Symbol('fastify-client-credentials.onRegister')

/** Options that may contain that callback. */
export interface RegisteredOptions { readonly [ON_REGISTER]?: (app: FastifyInstance) => void }
