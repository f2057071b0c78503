import type { FastifyInstance } from 'fastify'
import { stringify } from 'yaml'
import { brandOf } from '../../src/adapter.ts'
import { FST_OAUTH_SECURITY_SCHEME_TAKEN } from '../errors.ts'
import { describeFlows } from './document.ts'
import type { FlowDescription, OpenAPIDocument } from './document.ts'

type Swagger = (options?: { yaml?: boolean }) => OpenAPIDocument | string

// The flows of a document, stored on the function that generates it: two registrations of the plugin share one document.
const FLOWS: unique symbol = brandOf('flows') as never

interface CompletingSwagger extends Swagger {
  [FLOWS]: FlowDescription[]
}

/**
 * Adds a flow to every document of `@fastify/swagger` that an instance can reach, in any order of registration and whether
 * `@fastify/swagger` was registered on the instance, on a parent or on a child. Does nothing without `@fastify/swagger`.
 *
 * @throws FST_OAUTH_SECURITY_SCHEME_TAKEN
 */
export function describeInSwagger (instance: FastifyInstance, children: readonly FastifyInstance[], flow: FlowDescription): void {
  for (const owner of new Set([instance, ...children].map(ownerOfSwagger))) {
    if (owner !== undefined) addFlow(owner, flow)
  }
}

/** The key under which an instance stores the description of its flow. */
export const FLOW_DESCRIPTION = brandOf('description')

/**
 * Creates a `transformObject` for `@fastify/swagger` that completes the document with the flow of an instance. Required only
 * if `@fastify/swagger` is registered with a `decorator` other than "swagger". Otherwise the plugin does this automatically.
 */
export function oauthTransformObject (app: FastifyInstance): (document: { openapiObject: object } | { swaggerObject: object }) => object {
  return (document) => describeFlows(
    'openapiObject' in document ? document.openapiObject : document.swaggerObject,
    [app.getDecorator<FlowDescription>(FLOW_DESCRIPTION)]
  )
}

interface SwaggerOwner { swagger: Swagger | CompletingSwagger }

// Encapsulated instances inherit decorators, so the decorator is replaced on the instance that defined it.
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
  // @fastify/swagger returns the same document object on each call.
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
