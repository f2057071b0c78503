import { BearerTokenType, DPoPTokenType, MemoryStore } from '../../plugin/index.ts'
import type { ClientCredentialsFlow, TokenType } from '../../plugin/index.ts'
import { demoBuilder } from '../support/demo.ts'
import { thumbprint } from '../support/proof.ts'

export const READ = 'data:read'
export const ORIGIN = 'https://api.example'

/** The token types that a flow has, and the schemes by which its tokens are presented. */
export const TOKENS = {
  Bearer: { schemes: ['Bearer'], types: () => [new BearerTokenType()] },
  DPoP: { schemes: ['DPoP'], types: () => [new DPoPTokenType({ replays: new MemoryStore() })] },
  'Bearer and DPoP': { schemes: ['Bearer', 'DPoP'], types: () => [new BearerTokenType(), new DPoPTokenType({ replays: new MemoryStore() })] }
} as const satisfies Record<string, { schemes: readonly string[], types: () => TokenType[] }>

type Verify = () => unknown

// Settles in another turn, as a database does.
function later (verify: Verify, resolve: (value: unknown) => void, reject: (error: Error) => void): void {
  setImmediate(() => { try { resolve(verify()) } catch (error) { reject(error as Error) } })
}

/** How the users' verification returns what it has found. */
export const VERIFICATIONS = {
  'at once': (verify: Verify) => verify(),
  async: async (verify: Verify) => verify(),
  'by the global Promise': (verify: Verify) => new Promise((resolve, reject) => { later(verify, resolve, reject) }),
  'by an object with then': (verify: Verify) => ({ then: later.bind(undefined, verify) })
} as const

const accepted = (scope: string[]) => ({ isValid: true, credentials: { app: { id: 'caller' }, scope } })
// "SCHEME-NAME" is a token of the scheme; those of DPoP are bound to the key of proof.ts.
const RESULTS: Record<string, () => unknown> = {
  good: () => accepted([READ]),
  narrow: () => accepted([]),
  throws: () => { throw new Error('The database is away') },
  nothing: () => undefined,
  bare: () => ({ isValid: true }),
  pending: () => ({ isValid: true, credentials: Promise.resolve(accepted([READ]).credentials) })
}

function lookUp (token: string): unknown {
  const [scheme, name = ''] = token.split('-')
  const result = (RESULTS[name] ?? (() => ({ isValid: false })))()
  return scheme === 'DPoP' && result !== undefined ? { ...result, confirmation: { jkt: thumbprint } } : result
}

/** A flow whose verification finds what the name of the token says. */
export function flowOf (token: keyof typeof TOKENS, verification: keyof typeof VERIFICATIONS): ClientCredentialsFlow {
  return demoBuilder().setTokenType(...TOKENS[token].types() as [TokenType, ...TokenType[]])
    .verifyToken((token) => VERIFICATIONS[verification](() => lookUp(token)) as never)
    .build()
}
