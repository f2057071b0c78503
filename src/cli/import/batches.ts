import type { ClientRegistry } from '../../index.ts'
import type { AuditOrigin, ClientStore } from '../../stores/contracts/index.ts'
import type { Row } from './rows.ts'
import type { SecretsOutput } from './secrets-output.ts'

// Rows that are added in one atomic step.
const BATCH = 200

/** The target of an import. */
export interface ImportTarget {
  store: Pick<ClientStore, 'findClients'>
  registry: ClientRegistry
  by: AuditOrigin
  secrets: SecretsOutput
}

/** Groups rows into batches. */
export async function * toBatches (rows: AsyncIterable<Row>): AsyncGenerator<Row[]> {
  let batch: Row[] = []
  for await (const row of rows) {
    if (batch.push(row) < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/**
 * Adds the clients of a batch that do not exist yet. Their secrets are written before the clients are committed: after a crash
 * in between, there may be secrets without clients, which the next run replaces, but never clients without secrets.
 *
 * @returns the number of added clients
 */
export async function addBatch (rows: readonly Row[], { store, registry, by, secrets }: ImportTarget): Promise<number> {
  const isThere = new Set((await store.findClients(rows.map(({ client }) => client.id))).map(({ id }) => id))
  const missing = rows.map(({ client }) => client).filter(({ id }) => {
    const isNew = !isThere.has(id)
    // The first of several rows for one client is used, as it is across batches.
    isThere.add(id)
    return isNew
  })
  if (missing.length === 0) return 0
  const results = await registry.addAll(missing, {
    by,
    beforeCommit: async (issued) => { if (issued.length > 0) await secrets.append(issued.map(({ id, secret }) => ({ id, secret: secret.secret }))) }
  })
  const lost = results.filter(({ isAdded }) => !isAdded)
  if (lost.length > 0) await secrets.append(lost.map(({ id }) => ({ id, secret: null })))
  return results.length - lost.length
}
