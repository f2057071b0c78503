import type { FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import { brandOf } from '../../src/adapter.ts'
import { FST_OAUTH_SECURITY_SCHEME_TAKEN } from '../errors.ts'
import { describeFlows } from './document.ts'
import type { FlowDescription, OpenAPIDocument } from './document.ts'

type Swagger = (options?: { yaml?: boolean }) => OpenAPIDocument | string

// The flows of a document, on the very function that makes it: two registrations of the plugin share one.
const FLOWS: unique symbol = brandOf('flows') as never

interface CompletingSwagger extends Swagger {
  [FLOWS]: FlowDescription[]
}

/**
 * Has every document of `@fastify/swagger` that an instance can see completed with a flow, wherever and whenever
 * `@fastify/swagger` was registered: on the instance, above it, or in one of its children. Does nothing where there is none.
 *
 * @throws FST_OAUTH_SECURITY_SCHEME_TAKEN
 */
export function describeInSwagger (instance: FastifyInstance, children: readonly FastifyInstance[], flow: FlowDescription): void {
  for (const owner of new Set([instance, ...children].map(ownerOfSwagger))) {
    if (owner !== undefined) addFlow(owner, flow)
  }
}

/** Under what name an instance keeps the description of its flow. */
export const FLOW_DESCRIPTION = brandOf('description')

/**
 * Makes a `transformObject` for `@fastify/swagger` that completes the document with the flow of an instance. It is needed
 * only where `@fastify/swagger` is registered under another `decorator` name than "swagger": otherwise it happens by itself.
 */
export function oauthTransformObject (app: FastifyInstance): (document: { openapiObject: object } | { swaggerObject: object }) => object {
  return (document) => describeFlows(
    'openapiObject' in document ? document.openapiObject : document.swaggerObject,
    [app.getDecorator<FlowDescription>(FLOW_DESCRIPTION)]
  )
}

interface SwaggerOwner { swagger: Swagger | CompletingSwagger }

// Encapsulated instances inherit from each other: the decorator is replaced where it was made, for all to see.
function ownerOfSwagger (instance: object): SwaggerOwner | undefined {
  for (let owner: object | null = instance; owner !== null; owner = Object.getPrototypeOf(owner)) {
    if (Object.hasOwn(owner, 'swagger')) return owner as SwaggerOwner
  }
  return undefined
}

function addFlow (owner: SwaggerOwner, flow: FlowDescription): void {
  if (!(FLOWS in owner.swagger)) owner.swagger = completing(owner.swagger)
  const flows = (owner.swagger as CompletingSwagger)[FLOWS]
  const taken = Object.keys(flow.securitySchemes).find((name) => flows.some(({ securitySchemes }) => Object.hasOwn(securitySchemes, name)))
  if (taken !== undefined) throw new FST_OAUTH_SECURITY_SCHEME_TAKEN(taken)
  flows.push(flow)
}

function completing (swagger: Swagger): CompletingSwagger {
  const flows: FlowDescription[] = []
  // @fastify/swagger hands out one document, again and again.
  const completed = new WeakMap<OpenAPIDocument, { document: OpenAPIDocument, yaml?: string }>()

  function complete (options?: { yaml?: boolean }): OpenAPIDocument | string {
    const original = swagger({ ...options, yaml: false }) as OpenAPIDocument
    let entry = completed.get(original)
    if (entry === undefined) {
      entry = { document: describeFlows(original, flows) }
      completed.set(original, entry)
    }
    if (options?.yaml !== true) return entry.document
    entry.yaml ??= stringify(entry.document, { strict: false, aliasDuplicateObjects: false })
    return entry.yaml
  }

  return Object.assign(complete, { [FLOWS]: flows })
}
