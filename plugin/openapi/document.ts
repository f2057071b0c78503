import { oauthErrorSchema, tokenRequestSchema, tokenResponseSchema } from '../../schemas/index.ts'
import type { SecurityRequirement, SecuritySchemes } from '../../src/index.ts'
import { OAUTH_TAG, OPERATION_MARK, removeMarks, SECURITY_MARK } from './marks.ts'
import type { OperationDescription } from './operations.ts'
import { mapOperations } from './path-items.ts'
import type { PathItem, Paths } from './path-items.ts'
import { FORBIDDEN, guardResponses, UNAUTHORIZED } from './responses.ts'

/** What one flow adds to an OpenAPI document. */
export interface FlowDescription {
  schemeName: string
  securitySchemes: SecuritySchemes
  operations: readonly OperationDescription[]
}

/** As much of a document of @fastify/swagger as is read here. */
export interface OpenAPIDocument {
  openapi?: string
  servers?: { url: string, variables?: Record<string, { default: string }> }[]
  tags?: { name: string, description?: string }[]
  paths?: Paths
  components?: Record<string, Record<string, unknown>>
}

interface Operation {
  security?: readonly SecurityRequirement[]
  responses?: Record<string, unknown>
  [SECURITY_MARK]?: readonly SecurityRequirement[]
  [OPERATION_MARK]?: string
}

const SCHEMAS = { OAuth2Error: oauthErrorSchema, OAuth2TokenRequest: tokenRequestSchema, OAuth2TokenResponse: tokenResponseSchema }

/** Completes an OpenAPI 3 document with the flows. Swagger 2.0, which has no words for most of it, is left as it would be without them. */
export function describeFlows (document: OpenAPIDocument, flows: readonly FlowDescription[]): OpenAPIDocument {
  return document.openapi === undefined
    ? removeMarks(document, flows.map(({ schemeName }) => schemeName))
    : completeDocument(document, flows)
}

/**
 * Completes an OpenAPI 3 document with security schemes, the security and the refusals of guarded operations, and the
 * operations that are ours: only where they are absent, so that the user's own words win. Returns a new document. Idempotent.
 */
function completeDocument (document: OpenAPIDocument, flows: readonly FlowDescription[]): OpenAPIDocument {
  const { components = {}, paths = {}, tags = [] } = document
  const operations = flows.flatMap((flow) => flow.operations)
  const completed: OpenAPIDocument = {
    ...document,
    components: {
      ...components,
      securitySchemes: Object.assign({}, ...flows.map(({ securitySchemes }) => securitySchemes), components.securitySchemes),
      schemas: { ...SCHEMAS, ...Object.assign({}, ...operations.map(({ schemas }) => schemas)), ...components.schemas },
      responses: { ...guardResponses, ...components.responses }
    },
    paths: mapOperations(paths, (operation, method, item) => completeOperation(operation, operations, method === 'head' ? inheritedOf(item) : undefined))
  }

  // @fastify/swagger has not seen the routes of a plugin that was registered before it.
  for (const { path: fullPath, method, operation } of operations) {
    if (Object.values(completed.paths!).some((item) => item?.[method] === operation)) continue
    const path = belowServer(fullPath, document.servers)
    const item = completed.paths![path]
    // The user has described it elsewhere.
    if (item?.$ref !== undefined) continue
    completed.paths![path] = { ...item, [method]: item?.[method] ?? operation }
  }
  if (operations.length > 0 && !tags.some(({ name }) => name === OAUTH_TAG)) {
    completed.tags = [...tags, { name: OAUTH_TAG, description: 'Access tokens for machines.' }]
  }
  return completed
}

// The HEAD route that Fastify adds to a GET one can lose its mark in @fastify/swagger, which copies its schema.
function inheritedOf (item: PathItem): readonly SecurityRequirement[] | undefined {
  return (item.get as Operation | undefined)?.[SECURITY_MARK]
}

function completeOperation (operation: Operation, operations: readonly OperationDescription[], inherited: readonly SecurityRequirement[] | undefined): object {
  const ours = operations.find(({ mark }) => mark === operation[OPERATION_MARK])
  if (ours !== undefined) return ours.operation
  const { [SECURITY_MARK]: marked = inherited, ...rest } = operation
  if (marked === undefined) return operation
  const needsScope = marked.some((requirement) => Object.values(requirement).some((scopes) => scopes.length > 0))
  return {
    ...rest,
    security: rest.security ?? marked,
    responses: { 401: UNAUTHORIZED, ...(needsScope && { 403: FORBIDDEN }), ...rest.responses }
  }
}

// As @fastify/swagger does with every route: a path stands below the path of the document's server.
function belowServer (path: string, servers: OpenAPIDocument['servers'] = []): string {
  for (const { url, variables } of servers) {
    const resolved = url.replace(/\{([^{}]+)\}/g, (_, name) => String(variables?.[name]?.default))
    const base = (URL.canParse(resolved) ? new URL(resolved).pathname : resolved).replace(/\/$/, '')
    if (base !== '' && path.startsWith(`${base}/`)) return path.slice(base.length)
  }
  return path
}
