import { oauthErrorSchema, tokenRequestSchema, tokenResponseSchema } from '../../schemas/index.ts'
import type { SecurityRequirement, SecuritySchemes } from '../../src/index.ts'
import { ADMIN_TAG, OAUTH_TAG, OPERATION_MARK, removeMarks, SECURITY_MARK } from './marks.ts'
import { withUniqueIds } from './operation-ids.ts'
import type { OperationDescription } from './operations.ts'
import { mapOperations } from './path-items.ts'
import type { PathItem, Paths } from './path-items.ts'
import { BAD_REQUEST, FORBIDDEN, guardResponses, UNAUTHORIZED, UNAVAILABLE } from './responses.ts'

/** What one flow adds to an OpenAPI document. */
export interface FlowDescription {
  schemeName: string
  securitySchemes: SecuritySchemes
  operations: readonly OperationDescription[]
}

/** As much of a document of `@fastify/swagger` as is read here. */
export interface OpenAPIDocument {
  openapi?: string
  servers?: { url: string, variables?: Record<string, { default: string }> }[]
  tags?: { name: string, description?: string }[]
  paths?: Paths
  components?: Record<string, Record<string, unknown>>
}

interface Operation {
  tags?: readonly string[]
  requestBody?: { content?: Record<string, { schema?: { required?: readonly string[] } }> }
  security?: readonly SecurityRequirement[]
  responses?: Record<string, unknown>
  [SECURITY_MARK]?: readonly SecurityRequirement[]
  [OPERATION_MARK]?: string
}

// An array in a form is a parameter that repeats. Of either a string or an array, generated clients write what does not compile.
const { description } = tokenRequestSchema.properties.resource
const resource = { type: 'array', items: { type: 'string' }, description }
const documentedTokenRequest = { ...tokenRequestSchema, properties: { ...tokenRequestSchema.properties, resource } }
const SCHEMAS = { OAuth2Error: oauthErrorSchema, OAuth2TokenRequest: documentedTokenRequest, OAuth2TokenResponse: tokenResponseSchema }

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
  const ours = new Set(operations.map(({ operation }) => operation))
  completed.paths = withUniqueIds(completed.paths!, (operation) => ours.has(operation) || isAdministration(operation))
  const used = new Set(Object.values(completed.paths).flatMap((item) => Object.values(item ?? {}).flatMap((operation) => (operation as Operation | undefined)?.tags ?? [])))
  const missing = OUR_TAGS.filter(({ name }) => used.has(name) && !tags.some((tag) => tag.name === name))
  if (missing.length > 0) completed.tags = [...tags, ...missing]
  return completed
}

const OUR_TAGS = [
  { name: OAUTH_TAG, description: 'Access tokens for machines.' },
  { name: ADMIN_TAG, description: 'The clients that may get access tokens, and the keys that sign them.' }
]

function isAdministration (operation: Operation): boolean {
  return operation.tags?.includes(ADMIN_TAG) === true
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
  if (isAdministration(rest)) Object.assign(rest, withBodyRequirement(rest))
  const needsScope = marked.some((requirement) => Object.values(requirement).some((scopes) => scopes.length > 0))
  return {
    ...rest,
    security: rest.security ?? marked,
    responses: { 400: BAD_REQUEST, 401: UNAUTHORIZED, ...(needsScope && { 403: FORBIDDEN }), 503: UNAVAILABLE, ...rest.responses }
  }
}

// @fastify/swagger says of every body that it is required. Those of the admin API are where one of their members is.
function withBodyRequirement ({ requestBody }: Operation): object {
  if (requestBody === undefined) return {}
  const isRequired = Object.values(requestBody.content ?? {}).some(({ schema }) => (schema?.required ?? []).length > 0)
  return { requestBody: { ...requestBody, required: isRequired } }
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
