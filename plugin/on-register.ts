import type { FastifyInstance } from 'fastify'

/** The member of options that is called with the instance that the plugin is registered in: for what makes options and needs its log and hooks. */
export const ON_REGISTER: unique symbol = Symbol('fastify-client-credentials.onRegister')

/** Options that may have that member. */
export interface RegisteredOptions { readonly [ON_REGISTER]?: (app: FastifyInstance) => void }
