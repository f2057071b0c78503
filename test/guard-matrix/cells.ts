import { serveFastify } from './fastify.ts'
import { flowOf, TOKENS, VERIFICATIONS } from './flows.ts'
import { serveNest } from './nest.ts'
import { refusedRequests, validRequests } from './requests.ts'

/** A route of an application, as a framework serves it. */
export interface Served {
  inject (request: object): Promise<{ statusCode: number, body: string }>
  close (): PromiseLike<unknown>
}

const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const
const IN_SCOPE = HOOKS.map((hook) => `${hook} of the scope` as const)
const FRAMEWORKS = {
  Fastify: { serve: serveFastify, places: [...HOOKS.map((hook) => `${hook} of the route` as const), ...IN_SCOPE] },
  Nest: { serve: serveNest, places: ['guard', ...IN_SCOPE] }
} as const
/** When the plugin is registered. */
export const ORDERS = ['awaited, before the route', 'not awaited, before the route', 'after the route'] as const

export type Hook = typeof HOOKS[number]
export type Order = typeof ORDERS[number]
export type Place = typeof FRAMEWORKS[keyof typeof FRAMEWORKS]['places'][number]

interface Cell {
  readonly framework: keyof typeof FRAMEWORKS
  readonly token: keyof typeof TOKENS
  readonly verification: keyof typeof VERIFICATIONS
  readonly order: Order
  readonly place: Place
}

/** What went wrong in how many requests. */
export interface Report {
  cells: number
  refused: number
  accepted: number
  faults: string[]
}

function cellsOf (framework: Cell['framework'], isFull: boolean): Cell[] {
  const { places } = FRAMEWORKS[framework]
  const tokens = Object.keys(TOKENS) as Cell['token'][]
  const verifications = Object.keys(VERIFICATIONS) as Cell['verification'][]
  if (isFull) {
    return tokens.flatMap((token) => verifications.flatMap((verification) => ORDERS.flatMap((order) => places.map((place) => ({ framework, token, verification, order, place })))))
  }
  // The main diagonal: each value of each dimension, and tokens with another order in each round.
  return Array.from({ length: 3 * verifications.length }, (_, i) => ({
    framework,
    token: tokens[i % tokens.length]!,
    verification: verifications[i % verifications.length]!,
    order: ORDERS[(i + Math.floor(i / ORDERS.length)) % ORDERS.length]!,
    place: places[i % places.length]!
  }))
}

/** Sends every request to an application of each cell. */
export async function runMatrix (isFull: boolean): Promise<Report> {
  const report: Report = { cells: 0, refused: 0, accepted: 0, faults: [] }
  for (const framework of Object.keys(FRAMEWORKS) as Cell['framework'][]) {
    for (const cell of cellsOf(framework, isFull)) await runCell(cell, report)
  }
  return report
}

async function runCell (cell: Cell, report: Report): Promise<void> {
  const name = Object.values(cell).join(' / ')
  let runs = 0
  const app = await FRAMEWORKS[cell.framework].serve(cell.place as never, cell.order, flowOf(cell.token, cell.verification), () => { runs++ })
  const fault = (what: string, text: string) => { report.faults.push(`${name}: ${what}: ${text}`) }

  for (const { what, status, ...request } of await refusedRequests(cell.token)) {
    const { statusCode, body } = await app.inject(request)
    if (statusCode !== status) fault(what, `${statusCode} in place of ${status}, ${body}`)
    report.refused++
  }
  if (runs !== 0) fault('refused requests', `the handler has run ${runs} times`)
  runs = 0
  const valid = await validRequests(cell.token)
  const answers = await Promise.all(valid.map((request) => app.inject(request)))
  await new Promise((resolve) => { setImmediate(resolve) })
  for (const { statusCode, body } of answers) if (statusCode !== 200) fault('valid request', `${statusCode}, ${body}`)
  if (runs !== valid.length) fault('valid requests', `the handler has run ${runs} times for ${valid.length}`)
  report.accepted += valid.length
  report.cells++
  await app.close()
}
