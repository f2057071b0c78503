import type { AuditActor, AuditRecord, AuditStore } from '../../stores/contracts/index.ts'
import type { Command, Invocation } from '../command.ts'
import { UsageError } from '../errors.ts'
import { alignColumns, isoTime, print } from '../output.ts'
import { toSeconds } from '../../lib/duration.ts'
import { textOf } from '../values.ts'

const PAGE = 1000
const LIMIT = 100

/** Lists the changes that administrators have made. */
export const AUDIT_COMMAND: Command = {
  name: 'audit list',
  operands: [],
  summary: 'Lists the changes that administrators have made, the newest first',
  details: [
    'Every change by the admin API and by the command line is recorded in the store: who made it (the client of the admin token, or the user of the operating system and the host), when, in which request, and what was changed.',
    'Records are kept for 365 days, and 100,000 of them, unless your servers configure otherwise: auditRetention and auditMaxRecords of the store.'
  ],
  options: {
    limit: { type: 'string', placeholder: 'N', description: `how many at most (default ${LIMIT}; with --since unlimited)` },
    since: { type: 'string', placeholder: 'TIME', description: 'only those since then: 2027-01-15T08:00:00Z, or a duration back from now such as 24h' }
  },
  examples: ['audit list', 'audit list --since 24h --json | jq -r .actor.id'],
  run: listAudit
}

async function listAudit (invocation: Invocation): Promise<void> {
  const { io, isJson } = invocation
  const since = sinceOf(invocation)
  const limit = limitOf(invocation) ?? (since === undefined ? LIMIT : Infinity)
  await invocation.withStore(async (store) => {
    const rows = [['TIME', 'ACTOR', 'OBJECT', 'ID', 'CHANGE', 'REQUEST', 'DETAILS']]
    for await (const record of newest(store, { limit, since: since ?? -Infinity })) {
      if (isJson) await print(io, JSON.stringify(toJson(record)))
      else rows.push(toCells(record))
    }
    if (!isJson) await print(io, alignColumns(rows))
  })
}

// Records have times of different clocks, so that one may be older than those after it.
async function * newest (store: AuditStore, { limit, since }: { limit: number, since: number }): AsyncGenerator<AuditRecord> {
  let before: number | undefined
  let left = limit
  for (;;) {
    const page = await store.listAudit({ limit: Math.min(PAGE, left), ...before !== undefined && { before } })
    const recent = page.filter(({ time }) => time >= since)
    yield * recent
    left -= recent.length
    before = page.at(-1)?.position
    if (recent.length === 0 || left <= 0) return
  }
}

function limitOf ({ values }: Invocation): number | undefined {
  const text = textOf(values, 'limit')
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`--limit must be a whole number above zero, and not "${text}"`)
  return Number(text)
}

function sinceOf ({ io, values }: Invocation): number | undefined {
  const text = textOf(values, 'since')
  if (text === undefined) return undefined
  const seconds = toSeconds(text)
  const time = seconds === undefined ? Math.floor(Date.parse(text) / 1000) : io.now() - seconds
  if (Number.isNaN(time)) throw new UsageError(`--since must be a time such as 2027-01-15T08:00:00Z, or a duration such as 24h, and not "${text}"`)
  return time
}

function toJson ({ time, actor, requestId, object, id, change, details }: AuditRecord): object {
  return { time: isoTime(time), actor, requestId, object, id, change, details }
}

function toCells ({ time, actor, requestId = '', object, id, change, details }: AuditRecord): string[] {
  return [isoTime(time), nameOf(actor), object, id, change, requestId, details === undefined ? '' : JSON.stringify(details)]
}

function nameOf (actor: AuditActor): string {
  return actor.kind === 'user' ? `user ${actor.id}@${actor.host}` : `client ${actor.id}`
}
