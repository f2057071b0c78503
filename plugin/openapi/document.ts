import { oauthErrorSchema, tokenRequestSchema, tokenResponseSchema } from '../../schemas/index.ts'
import type { SecurityRequirement, SecuritySchemes } from '../../src/index.ts'
import { removeMarks, SECURITY_MARK, TOKEN_ROUTE_MARK } from './marks.ts'
import { FORBIDDEN, guardResponses, OAUTH_TAG, UNAUTHORIZED } from './token-route.ts'

/** What one flow adds to an OpenAPI document. */
export interface FlowDescription {
  schemeName: string
  securitySchemes: SecuritySchemes
  /** The token route's full path; undefined when another server issues the tokens. */
  tokenPath: string | undefined
  tokenOperation: object
}

/** As much of a document of @fastify/swagger as is read here. */
export interface OpenAPIDocument {
  openapi?: string
  servers?: { url: string, variables?: Record<string, { default: string }> }[]
  tags?: { name: string, description?: string }[]
  paths?: Record<string, PathItem>
  components?: Record<string, Record<string, unknown>>
}

type PathItem = Record<string, unknown>
interface Operation {
  security?: readonly SecurityRequirement[]
  responses?: Record<string, unknown>
  [SECURITY_MARK]?: readonly SecurityRequirement[]
  [TOKEN_ROUTE_MARK]?: string
}

const SCHEMAS = { OAuth2Error: oauthErrorSchema, OAuth2TokenRequest: tokenRequestSchema, OAuth2TokenResponse: tokenResponseSchema }
const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'])

/** Completes an OpenAPI 3 document with the flows. Swagger 2.0, which has no words for most of it, is left as it would be without them. */
export function describeFlows (document: OpenAPIDocument, flows: readonly FlowDescription[]): OpenAPIDocument {
  return document.openapi === undefined
    ? removeMarks(document as Parameters<typeof removeMarks>[0], flows.map(({ schemeName }) => schemeName))
    : completeDocument(document, flows)
}

/**
 * Completes an OpenAPI 3 document with security schemes, the security and the refusals of guarded operations, and the
 * token routes: only where they are absent, so that the user's own words win. Returns a new document. Idempotent.
 */
function completeDocument (document: OpenAPIDocument, flows: readonly FlowDescription[]): OpenAPIDocument {
  const { components = {}, paths = {}, tags = [] } = document
  const served = flows.filter(({ tokenPath }) => tokenPath !== undefined)
  const completed: OpenAPIDocument = {
    ...document,
    components: {
      ...components,
      securitySchemes: Object.assign({}, ...flows.map(({ securitySchemes }) => securitySchemes), components.securitySchemes),
      schemas: { ...SCHEMAS, ...components.schemas },
      responses: { ...guardResponses, ...components.responses }
    },
    paths: Object.fromEntries(Object.entries(paths).map(([path, item]) => [path, completePath(item, flows)]))
  }

  // @fastify/swagger has not seen the token route of a plugin that was registered before it.
  for (const { tokenPath, tokenOperation } of served) {
    if (Object.values(completed.paths!).some(({ post }) => post === tokenOperation)) continue
    const path = belowServer(tokenPath!, document.servers)
    const item = completed.paths![path]
    completed.paths![path] = { ...item, post: item?.post ?? tokenOperation }
  }
  if (served.length > 0 && !tags.some(({ name }) => name === OAUTH_TAG)) {
    completed.tags = [...tags, { name: OAUTH_TAG, description: 'Access tokens for machines.' }]
  }
  return completed
}

function completePath (item: PathItem, flows: readonly FlowDescription[]): PathItem {
  // The HEAD route that Fastify adds to a GET one can lose its mark in @fastify/swagger, which copies its schema.
  const inherited = (item.get as Operation | undefined)?.[SECURITY_MARK]
  return Object.fromEntries(Object.entries(item).map(([method, operation]) =>
    [method, METHODS.has(method) ? completeOperation(operation as Operation, flows, method === 'head' ? inherited : undefined) : operation]
  ))
}

function completeOperation (operation: Operation, flows: readonly FlowDescription[], inherited: readonly SecurityRequirement[] | undefined): object {
  const flow = flows.find(({ schemeName }) => schemeName === operation[TOKEN_ROUTE_MARK])
  if (flow !== undefined) return flow.tokenOperation
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
