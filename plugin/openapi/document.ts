import { oauthErrorSchema, tokenRequestSchema, tokenResponseSchema } from '../../schemas/index.ts'
import type { SecurityRequirement, SecuritySchemes } from '../../src/adapter.ts'
import { belowServer } from './documented-path.ts'
import type { Located } from './documented-path.ts'
import { ADMIN_TAG, OAUTH_TAG, OPERATION_MARK } from './marks.ts'
import { otherSecurityOf } from './noted-routes.ts'
import type { NotedRoute } from './noted-routes.ts'
import { withUniqueIds } from './operation-ids.ts'
import type { OperationDescription } from './operations.ts'
import { mapOperations } from './path-items.ts'
import type { Paths } from './path-items.ts'
import { placeRoutes } from './placement.ts'
import { BAD_REQUEST, FORBIDDEN, guardResponses, UNAUTHORIZED, UNAVAILABLE } from './responses.ts'

/** The parts that one flow adds to an OpenAPI document. */
export interface FlowDescription {
  schemeName: string
  securitySchemes: SecuritySchemes
  operations: readonly OperationDescription[]
  /** The routes of the encapsulation context, in the order of their declaration. */
  routes: readonly NotedRoute[]
}

/** The members of a `@fastify/swagger` document that are read here. */
export interface OpenAPIDocument extends Located {
  openapi?: string
  tags?: { name: string, description?: string }[]
  paths?: Paths
  components?: Record<string, Record<string, unknown>>
}

interface Operation {
  tags?: readonly string[]
  requestBody?: { content?: Record<string, { schema?: { required?: readonly string[] } }> }
  security?: readonly SecurityRequirement[]
  responses?: Record<string, unknown>
  [OPERATION_MARK]?: string
}

// In a form, an array is a repeated parameter. For a union of string and array, generators write clients that do not compile.
const { description } = tokenRequestSchema.properties.resource
const resource = { type: 'array', items: { type: 'string' }, description }
const documentedTokenRequest = { ...tokenRequestSchema, properties: { ...tokenRequestSchema.properties, resource } }
const SCHEMAS = { OAuth2Error: oauthErrorSchema, OAuth2TokenRequest: documentedTokenRequest, OAuth2TokenResponse: tokenResponseSchema }

/** Completes an OpenAPI 3 document with the flows. Leaves a Swagger 2.0 document unchanged, because it cannot express most of it. */
export function describeFlows (document: OpenAPIDocument, flows: readonly FlowDescription[]): OpenAPIDocument {
  return document.openapi === undefined ? leaveDocument(document, flows) : completeDocument(document, flows)
}

// Restores the document that would be generated without the plugin.
function leaveDocument (document: OpenAPIDocument, flows: readonly FlowDescription[]): OpenAPIDocument {
  const schemeNames = flows.map(({ schemeName }) => schemeName)
  const placed = placeRoutes(document, routesOf(flows), isMarked)
  return {
    ...document,
    paths: mapOperations(document.paths ?? {}, (operation: Operation) => {
      if (isMarked(operation)) return undefined
      const noted = placed.get(operation)
      const security = operation.security ?? (noted && otherSecurityOf(noted, schemeNames))
      return security === undefined ? operation : { ...operation, security }
    })
  }
}

function isMarked (operation: object): boolean {
  return OPERATION_MARK in operation
}

function routesOf (flows: readonly FlowDescription[]): NotedRoute[] {
  return flows.flatMap((flow) => flow.routes)
}

/**
 * Completes an OpenAPI 3 document with security schemes, the security and error responses of guarded operations, and the
 * operations of this plugin. Adds absent parts only, so that the user's declarations take precedence. Returns a new document.
 * Idempotent.
 */
function completeDocument (document: OpenAPIDocument, flows: readonly FlowDescription[]): OpenAPIDocument {
  const { components = {}, paths = {}, tags = [] } = document
  const operations = flows.flatMap((flow) => flow.operations)
  const ours = new Set<object>(operations.map(({ operation }) => operation))
  const placed = placeRoutes(document, routesOf(flows), (operation) => isMarked(operation) || ours.has(operation))
  const completed: OpenAPIDocument = {
    ...document,
    components: {
      ...components,
      securitySchemes: Object.assign({}, ...flows.map(({ securitySchemes }) => securitySchemes), components.securitySchemes),
      schemas: { ...SCHEMAS, ...Object.assign({}, ...operations.map(({ schemas }) => schemas)), ...components.schemas },
      responses: { ...guardResponses, ...components.responses }
    },
    paths: mapOperations(paths, (operation) => completeOperation(operation, operations, placed.get(operation)?.security))
  }

  // @fastify/swagger does not collect the routes of a plugin that was registered before it.
  for (const { path: fullPath, method, operation } of operations) {
    if (Object.values(completed.paths!).some((item) => item?.[method] === operation)) continue
    const path = belowServer(fullPath, document)
    const item = completed.paths![path]
    // The user describes this path in a referenced document.
    if (item?.$ref !== undefined) continue
    completed.paths![path] = { ...item, [method]: item?.[method] ?? operation }
  }
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

function completeOperation (operation: Operation, operations: readonly OperationDescription[], needed: readonly SecurityRequirement[] | undefined): object {
  const ours = operations.find(({ mark }) => mark === operation[OPERATION_MARK])
  if (ours !== undefined) return ours.operation
  if (needed === undefined) return operation
  const needsScope = needed.some((requirement) => Object.values(requirement).some((scopes) => scopes.length > 0))
  return {
    ...operation,
    ...(isAdministration(operation) && withBodyRequirement(operation)),
    security: operation.security ?? needed,
    responses: { 400: BAD_REQUEST, 401: UNAUTHORIZED, ...(needsScope && { 403: FORBIDDEN }), 503: UNAVAILABLE, ...operation.responses }
  }
}

// @fastify/swagger marks every body as required. In the admin API, a body is required only if one of its members is.
function withBodyRequirement ({ requestBody }: Operation): object {
  if (requestBody === undefined) return {}
  const isRequired = Object.values(requestBody.content ?? {}).some(({ schema }) => (schema?.required ?? []).length > 0)
  return { requestBody: { ...requestBody, required: isRequired } }
}
