import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { CHANNELS } from '../events/channels.ts'
import type { EventChannel } from '../events/channels.ts'

type Channels = typeof CHANNELS
type Listener<C> = C extends EventChannel<infer E> ? (event: E) => void : never

/** The listeners of each channel. */
export type Listeners = { readonly [Name in keyof Channels]?: Listener<Channels[Name]> }

/**
 * Subscribes to channels.
 *
 * @returns a function that unsubscribes from all of them
 */
export function listen (listeners: Listeners): () => void {
  const subscriptions = Object.entries(listeners).map(([name, listener]) => [CHANNELS[name as keyof Channels].name, listener as (event: unknown) => void] as const)
  for (const [name, listener] of subscriptions) subscribe(name, listener)
  return () => {
    for (const [name, listener] of subscriptions) unsubscribe(name, listener)
  }
}
