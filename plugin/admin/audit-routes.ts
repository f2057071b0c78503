import { auditListSchema } from '../../schemas/index.ts'
import type { AuditRecord, AuditStore } from '../../src/adapter.ts'
import { auditPageParameters } from './parameters.ts'
import type { AdminRoute } from './route.ts'

const PAGE = 100

/** Returns the route that lists changes by administrators. */
export function auditRoutes (audit: AuditStore): AdminRoute[] {
  return [
    {
      method: 'GET',
      url: '/audit',
      id: 'listOAuthAuditRecords',
      summary: 'List the changes that administrators have made',
      description: 'The newest first, those of the command line and of other servers too.',
      query: auditPageParameters,
      success: { status: 200, body: auditListSchema },
      async answer ({ query: { before, limit = PAGE } }) {
        // Reads one more record, to detect whether another page follows.
        const found = await audit.listAudit({ limit: limit + 1, ...(before !== undefined && { before }) })
        const page = found.slice(0, limit)
        return { body: { records: page.map(toAuditInformation), next: found.length > limit ? page.at(-1)?.position : undefined } }
      }
    }
  ]
}

function toAuditInformation ({ time, actor, requestId, object, id, change, details }: AuditRecord): object {
  return { time, actor, request_id: requestId, object, id, change, details }
}
