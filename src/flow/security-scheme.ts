import type { FlowSettings } from './flow-options.ts'

/** An OpenAPI security requirement: the name of a scheme, and the required scopes. */
export type SecurityRequirement = Record<string, string[]>

/** The OpenAPI security scheme of the client credentials flow, under its name. */
export type SecuritySchemes = Record<string, SecurityScheme>

/** The OpenAPI security scheme of the client credentials flow. */
export interface SecurityScheme {
  type: 'oauth2'
  description?: string
  flows: { clientCredentials: { scopes: Record<string, string>, tokenUrl: string } }
}

/** Returns the security requirement of an operation that requires all these scopes. */
export function toSecurityRequirement (
  { securitySchemeName }: Pick<FlowSettings, 'securitySchemeName'>,
  scopes: readonly string[]
): SecurityRequirement {
  return { [securitySchemeName]: [...scopes] }
}

/** Returns the security scheme of a flow, under its name. */
export function toSecuritySchemes (
  { securitySchemeName, description, scopes, tokenEndpoint }: Pick<FlowSettings, 'securitySchemeName' | 'description' | 'scopes' | 'tokenEndpoint'>
): SecuritySchemes {
  const scheme: SecurityScheme = {
    type: 'oauth2',
    flows: { clientCredentials: { scopes: { ...scopes }, tokenUrl: tokenEndpoint } }
  }
  if (description !== undefined) scheme.description = description
  return { [securitySchemeName]: scheme }
}
