// What a resource server elsewhere may accept: by what it was answered, and when it had asked.
import type { IssuedToken } from './ledger.ts'
import type { Exchange } from './network.ts'
import type { RunContext } from './run-context.ts'
import type { SimulatedProcess } from './simulated-process.ts'

// Milliseconds. An answer of introspection, and a JWKS, are used for so long from sending the question.
const INTROSPECTION_AGE = 60_000
const JWKS_AGE = 600_000
// A JWKS so much longer, while the issuer is unavailable, which a failed attempt a moment ago tells.
const MAX_STALE = 600_000
const JUST_FAILED = 5000
const ROUNDING = 2

export function checkHop (run: RunContext, process: SimulatedProcess, token: IssuedToken): void {
  if (process.kind === 'introspector') checkIntrospector(run, process, token)
  else checkJwksReader(run, process, token)
}

function checkIntrospector (run: RunContext, { name, exchanges }: SimulatedProcess, { number, token }: IssuedToken): void {
  const answered = exchanges.findLast(({ path, form, reply }) => path === '/introspect' && isActive(reply) && new URLSearchParams(form).get('token') === token)
  const age = run.world.now - (answered?.sentAt ?? -Infinity)
  if (age > INTROSPECTION_AGE + ROUNDING) run.violation('R', `${name} accepts token ${number} by an answer whose question was sent ${age.toFixed(0)} ms ago`)
}

function checkJwksReader (run: RunContext, { name, exchanges }: SimulatedProcess, { number, kid }: IssuedToken): void {
  const { now } = run.world
  let loaded: Exchange | undefined
  for (const one of exchanges) if (one.path === '/jwks' && one.reply?.status === 200 && one.sentAt >= (loaded?.sentAt ?? -Infinity)) loaded = one
  const { keys = [] } = (loaded?.reply?.body ?? {}) as { keys?: Array<{ kid: string }> }
  if (!keys.some((key) => key.kid === kid)) return run.violation('R', `${name} accepts token ${number}, whose key is not in the JWKS that it has loaded last`)
  const age = now - (loaded?.sentAt ?? -Infinity)
  if (age <= JWKS_AGE + ROUNDING) return
  const hasJustFailed = exchanges.some(({ path, reply, endedAt }) => path !== '/introspect' && reply?.status !== 200 && now - endedAt <= JUST_FAILED + ROUNDING)
  if (age > JWKS_AGE + MAX_STALE + ROUNDING || !hasJustFailed) run.violation('R', `${name} accepts token ${number} by a JWKS that was requested ${age.toFixed(0)} ms ago`)
}

function isActive (reply: Exchange['reply']): boolean {
  return reply?.status === 200 && (reply.body as { active?: boolean }).active === true
}
