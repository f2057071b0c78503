import { FlowConfigurationError } from '../errors/configuration-error.ts'
import { isScopeToken } from '../http/scope.ts'
import type { ImpliedScopes } from '../http/scope.ts'
import { isTable } from '../options/check-options.ts'

/** The declaration of a scope. */
export interface ScopeDeclaration {
  /** The description in the OpenAPI document. */
  description: string
  /** Scopes that this one includes, directly; their implied scopes are included too. Each must be declared. Default none. */
  implies?: readonly string[]
}

/** Maps each scope name to its description, or to its declaration. */
export type ScopeDeclarations<Scope extends string = string> = Readonly<Record<Scope, string | ScopeDeclaration>>

/** The scopes of a flow. */
export interface DeclaredScopes {
  readonly descriptions: Readonly<Record<string, string>>
  /** Undefined if no scope implies another. */
  readonly implied: ImpliedScopes | undefined
}

/**
 * Reads the declared scopes of a flow.
 *
 * @throws FlowConfigurationError FST_OAUTH_INVALID_SCOPES, also if a scope implies itself or an undeclared scope
 */
export function declareScopes (declarations: unknown): DeclaredScopes {
  if (!isTable(declarations)) throw new FlowConfigurationError('FST_OAUTH_INVALID_SCOPES')
  const declared = new Map(Object.entries(declarations).map(([name, declaration]) => [name, readDeclaration(name, declaration)]))
  const implied = new Map<string, ReadonlySet<string>>()
  for (const [name, { implies }] of declared) {
    const unknown = implies.find((other) => !declared.has(other))
    if (unknown !== undefined) throw wrongScopes(`"${name}" implies "${unknown}", which is not declared`)
    if (implies.length > 0) implied.set(name, closureOf(name, declared))
  }
  return {
    descriptions: Object.freeze(Object.fromEntries([...declared].map(([name, { description }]) => [name, description]))),
    implied: implied.size > 0 ? implied : undefined
  }
}

function readDeclaration (name: string, declaration: unknown): Required<ScopeDeclaration> {
  if (!isScopeToken(name)) throw new FlowConfigurationError('FST_OAUTH_INVALID_SCOPES')
  if (typeof declaration === 'string') return { description: declaration, implies: [] }
  if (!isTable(declaration)) throw wrongScopes(`"${name}" has no description`)
  const { description, implies = [], ...unknown } = declaration
  const [member] = Object.keys(unknown)
  if (member !== undefined) throw wrongScopes(`"${name}" has the unknown member "${member}"`)
  if (typeof description !== 'string') throw wrongScopes(`"${name}" has no description`)
  if (!Array.isArray(implies) || !implies.every((other) => typeof other === 'string')) throw wrongScopes(`implies of "${name}" is not a list of scope names`)
  return { description, implies }
}

function closureOf (name: string, declared: ReadonlyMap<string, Required<ScopeDeclaration>>): ReadonlySet<string> {
  const found = new Set<string>()
  const waiting = [...declared.get(name)!.implies]
  for (let other = waiting.pop(); other !== undefined; other = waiting.pop()) {
    if (other === name) throw wrongScopes(`"${name}" implies itself`)
    if (found.has(other)) continue
    found.add(other)
    waiting.push(...declared.get(other)?.implies ?? [])
  }
  return found
}

function wrongScopes (detail: string): FlowConfigurationError {
  return new FlowConfigurationError('FST_OAUTH_INVALID_SCOPES', detail)
}
