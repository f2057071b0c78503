// What the contracts of the stores are tried with.
import type { Test } from 'tap'
import type { Clock } from '../../../src/lib/clock.ts'
import { FEED_START } from '../../../src/stores/contracts/index.ts'
import type { AuditRecord, ClientStore, FeedMark, Revocation, StoredClient, StoredKey, StoredToken } from '../../../src/stores/contracts/index.ts'

/** Opens an empty store. It closes what it has opened by t.teardown. */
export type MakeStore<Store> = (t: Test, now: Clock) => Promise<Store>

/** The time of the frozen clocks, in seconds since 1970. */
export const START = 1_800_000_000
export const DAY = 86_400
export const KEY: StoredKey = { kid: 'a', alg: 'EdDSA', privateJwk: { kty: 'OKP', crv: 'Ed25519', x: 'x', d: 'd' }, createdAt: START, activeFrom: START + 60 }
export const TOKEN: StoredToken = { clientId: 'reader', scope: ['a', 'b'], audience: ['https://api.example'], issuedAt: START, expiresAt: START + 100 }
export const TOKEN_REVOCATION: Revocation = { kind: 'token', id: 'jti-1', expiresAt: START + 100 }
export const CLIENT_REVOCATION: Revocation = { kind: 'client', id: 'reader', issuedBefore: START + 1, expiresAt: START + 200 }
export const CLIENT: StoredClient = {
  id: 'reader', version: 1, scopes: ['a'], secrets: [{ id: 'first', hash: 'hash', createdAt: START }], createdAt: START, updatedAt: START
}
/** Every member but a generation, and strings that are awkward in SQL, in JSON and in UTF-8. */
export const FULL_CLIENT: StoredClient = {
  id: "o'neill\"$1;--%_?é\u{1f600}",
  version: 1,
  name: 'Zoë \u0000 \\ \n " \' $1 \u{1f600}',
  isDisabled: true,
  scopes: [],
  defaultScopes: [],
  audiences: ['https://api.example'],
  introspects: ['https://other.example'],
  accessTokenLifetime: 60,
  authMethods: ['private_key_jwt'],
  jwks: { keys: [{ kty: 'OKP', crv: 'Ed25519', x: 'x' }] },
  jwksUri: 'https://client.example/jwks.json',
  certificateName: { sanDns: 'client.example' },
  senderConstraint: 'mtls',
  secrets: [{ id: 'one', hash: 'hash', isImported: false, createdAt: START, expiresAt: START + 9 }],
  createdAt: START,
  updatedAt: START + 1
}
export const AUDIT: AuditRecord = { time: START, actor: { kind: 'user', id: 'root', host: 'db-1' }, object: 'client', id: 'reader', change: 'updated' }
/** PostgreSQL takes no NUL in strings, and C ends a string at one. */
export const NUL = 'reader\u0000'

/** A client as it is once it was added: its generation is the store's clock in milliseconds. */
export const added = (client: StoredClient): StoredClient => ({ ...client, generation: START * 1000 })
/** A client with the version that a store has of it. */
export async function current (store: Pick<ClientStore, 'findClients'>, client = CLIENT): Promise<StoredClient> {
  const [{ version }] = await store.findClients([client.id]) as [StoredClient]
  return { ...client, version }
}
export const clientNamed = (id: string): StoredClient => ({ ...CLIENT, id })
export const idsOf = ({ entries }: { entries: ReadonlyArray<{ id: string }> }): string[] => entries.map(({ id }) => id)
export const idsOfClients = (clients: readonly StoredClient[]): string[] => clients.map(({ id }) => id)
export const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))
export const markOf = ({ position, name }: FeedMark): FeedMark => ({ position, name })
/** An entry without its place. */
export const unmarked = <T extends FeedMark>({ position, name, ...entry }: T): Omit<T, 'position' | 'name'> => entry

/** A wall clock that is moved by hand, and the monotonic clock of the process with it. */
export function movedClock (t: Test): { now: Clock, move (seconds: number): void } {
  let elapsed = 0
  t.intercept(performance, 'now', { value: () => elapsed * 1000 })
  return { now: () => START + elapsed, move: (seconds) => { elapsed += seconds } }
}

/** Several stores over the same data, as one: each call goes to the next of them. */
export function inTurns<Store extends object> (stores: readonly Store[]): Store {
  let turn = 0
  return new Proxy(stores[0]!, {
    get: (_, name) => {
      const store = stores[turn++ % stores.length]!
      const member: unknown = Reflect.get(store, name, store)
      return typeof member === 'function' ? member.bind(store) : member
    }
  })
}

/** Reads a feed to its end. */
export async function readOn<Page extends { hasMore: boolean, isContinued: boolean, entries: ReadonlyArray<FeedMark & { id: string }> }> (
  list: (after: FeedMark) => Promise<Page>, after = FEED_START
): Promise<{ entries: Array<Page['entries'][number]>, mark: FeedMark }> {
  const entries: Array<Page['entries'][number]> = []
  for (let mark = after, page: Page; ;) {
    page = await list(mark)
    if (!page.isContinued) throw new Error('The feed has lost the entry of the mark')
    entries.push(...page.entries)
    mark = markOf(page.entries.at(-1) ?? mark)
    if (!page.hasMore) return { entries, mark }
  }
}
