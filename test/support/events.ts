import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Test } from 'tap'

const NAMES = [
  'token.issued', 'token.denied', 'token.verified', 'token.rejected', 'token.revoked', 'key.rotated', 'key.revoked', 'client.changed',
  'administration.recorded'
]

/** An event with the name of its channel. */
export type Published = Readonly<Record<string, unknown>> & { readonly is: string }

/** Collects what is published from now on, until the end of the test. The caller empties the list. */
export function recordEvents (t: Test): Published[] {
  const events: Published[] = []
  for (const is of NAMES) {
    const listener = (event: unknown) => {
      t.ok(Object.isFrozen(event), `${is} is frozen`)
      events.push({ is, ...event as object })
    }
    subscribe(`fastify-client-credentials.${is}`, listener)
    t.teardown(() => unsubscribe(`fastify-client-credentials.${is}`, listener))
  }
  return events
}
