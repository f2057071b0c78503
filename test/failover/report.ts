// What a run has shown, as a table.
import type { Acceptance, Judgement, Verdict } from './judge.ts'
import { REVOCATION_KINDS } from './ledger.ts'
import type { RevocationKind } from './ledger.ts'
import type { Verifier } from './load.ts'
import type { RoundParts, RoundResult } from './rounds.ts'

type Judged = Acceptance & { readonly judgement: Judgement }

/** Prints the table. @param startedAt when the first round began @returns whether everything was as promised */
export function report (parts: RoundParts, rounds: readonly RoundResult[], startedAt: number): boolean {
  const { records, judge, probes, world } = parts
  const judged = records.acceptances.map((acceptance) => ({ ...acceptance, judgement: judge.judge(acceptance) }))
  const violations = judged.filter(({ judgement }) => judgement.verdict === 'violation')
  const lines: string[][] = [[
    'revocations of', 'acknowledged', 'lost', 'lost, unread', 'accepted in time', 'in an outage', 'until written back', 'lost, unread: accepted', 'TOO LATE',
    'rejected after: median', 'max', 'max with an outage'
  ]]
  for (const kind of REVOCATION_KINDS) lines.push(lineOf(kind, parts, judged))
  print(lines)

  const elsewhere = (by: Verifier) => judged.filter((one) => one.by === by)
  print([
    ['elsewhere', 'accepted after a revocation, as the bounds permit', 'TOO LATE', 'a key rejected after: median', 'max'],
    ...(['introspection', 'jwks'] as const).map((by) => {
      const times = probes.rejections.filter((one) => one.by === by).map(({ after }) => after)
      return [by, count(elsewhere(by), (verdict) => verdict !== 'violation'), count(elsewhere(by), (verdict) => verdict === 'violation'), ms(median(times)), ms(max(times))]
    })
  ])

  const writeBacks = world.servers.flatMap(({ name, writeBacks: all }) => all.filter(({ at }) => at > startedAt).map((one) => ({ name, ...one })))
  const failures = records.failures
  const outages = rounds.map(({ outage }) => outage)
  const facts = {
    rounds: rounds.length,
    'outages: median, max': `${ms(median(outages))}, ${ms(max(outages))}`,
    'lost in PostgreSQL, in Redis': `${sum(rounds.map((one) => one.lostInPostgres))}, ${sum(rounds.map((one) => one.lostInRedis))}`,
    'revocations in Redis that its replica had not confirmed': sum(rounds.map((one) => one.unconfirmed)),
    'rows written back': `${sum(writeBacks.map(({ ids }) => ids.length))} in ${writeBacks.length} writes: ${describeWriteBacks(writeBacks)}`,
    'valid requests outside of outages, failed': `${records.valid}, ${failures.length}`,
    'valid tokens of a new key rejected elsewhere, within 30 s of the last look at the JWKS': records.unknownKeys,
    'signed tokens in outages, accepted': `${records.inOutages.valid}, ${records.inOutages.accepted}`
  }
  console.log(`\n${Object.entries(facts).map(([name, value]) => `${name}: ${value}`).join('\n')}`)
  for (const one of violations.slice(0, 20)) console.log(`TOO LATE: ${describe(one)}`)
  for (const { what, status, body, sentAt } of failures.slice(0, 20)) console.log(`FAILED: ${what} at ${sentAt.toFixed(0)}: ${status} ${body}`)
  // Nothing is lost with synchronous commits, and in Redis nothing that the replica had confirmed.
  const lost = rounds.filter(({ course, lostInPostgres, lostInRedis, unconfirmed }) => course.mode === 'sync' && (lostInPostgres > 0 || lostInRedis > unconfirmed))
  if (lost.length > 0) {
    for (const { kind, id, sentAt, acknowledgedAt, by, lostAt } of parts.ledger.revocations) {
      if (lostAt !== undefined) console.log(`LOST: ${kind} ${id} by ${by}, sent at ${sentAt.toFixed(0)}, acknowledged at ${acknowledgedAt.toFixed(0)}, lost at ${lostAt.toFixed(0)}`)
    }
  }
  return violations.length === 0 && failures.length === 0 && lost.length === 0
}

function lineOf (kind: RevocationKind, { ledger, judge, probes }: RoundParts, all: readonly Judged[]): string[] {
  const revocations = ledger.revocations.filter((one) => one.kind === kind)
  const lost = revocations.filter(({ lostAt }) => lostAt !== undefined)
  const judged = all.filter(({ revocation, by }) => revocation.kind === kind && by === 'server')
  const rejections = probes.rejections.filter(({ revocation, by }) => revocation.kind === kind && by === 'server')
  const times = rejections.filter(({ isInOutage }) => !isInOutage).map(({ after }) => after)
  return [
    kind, String(revocations.length), String(lost.length), String(lost.filter((one) => judge.holdersOf(one).length === 0).length),
    ...(['within', 'outage', 'written back', 'lost', 'violation'] as const).map((verdict) => count(judged, (one) => one === verdict)),
    ms(median(times)), ms(max(times)), ms(max(rejections.filter(({ isInOutage }) => isInOutage).map(({ after }) => after)))
  ]
}

function describe ({ revocation, token, server, by, sentAt, judgement }: Judged): string {
  const { kind, id, acknowledgedAt, lostAt, by: acknowledgedBy } = revocation
  const what = token === undefined ? 'a token request' : `a ${token.kind} of ${token.clientId}`
  return `${server.name} (${by}) accepts ${what} ${(sentAt - acknowledgedAt).toFixed(0)} ms after the revocation of ${kind} ${id} by ${acknowledgedBy} at ${acknowledgedAt.toFixed(0)}` +
    `${lostAt === undefined ? '' : `, lost at ${lostAt.toFixed(0)}`}: ${judgement.reason}`
}

function describeWriteBacks (writeBacks: ReadonlyArray<{ name: string, feed: string, ids: readonly string[] }>): string {
  const counts = new Map<string, number>()
  for (const { name, feed, ids } of writeBacks) counts.set(`${name} ${feed}`, (counts.get(`${name} ${feed}`) ?? 0) + ids.length)
  return [...counts].map(([what, rows]) => `${what} ${rows}`).join(', ') || 'none'
}

function count (judged: readonly Judged[], isCounted: (verdict: Verdict) => boolean): string {
  return String(judged.filter(({ judgement }) => isCounted(judgement.verdict)).length)
}

function print (lines: readonly string[][]): void {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  console.log(`\n${lines.map((line) => line.map((cell, column) => column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join('  ').trimEnd()).join('\n')}`)
}

function median (values: readonly number[]): number | undefined {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]
}

function max (values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.max(...values)
}

function sum (values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function ms (value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(0)} ms`
}
