// Random histories of a server: what happens in them, as data that fast-check can shrink and print.
import fc from 'fast-check'
import { API, LIFETIME, MAX_LIFETIME, REPORTS, SCOPES } from './server-world.ts'

/** Which process does it. */
export type At = 0 | 1

/** What happens. Clients, secrets and tokens are numbers, of those that there are by then: so that a shorter history means the same. */
export type Step =
  | { do: 'add', at: At, client: number, scopes: readonly string[], lifetime: number | undefined, secretLifetime: number | undefined }
  | { do: 'change', at: At, client: number, scopes: readonly string[], hasDefaults: boolean, audiences: readonly string[] | undefined, lifetime: number | undefined }
  | { do: 'disable' | 'enable' | 'remove', at: At, client: number }
  | { do: 'rotateSecret', at: At, client: number, overlap: number, secretLifetime: number | undefined }
  | { do: 'revokeSecret', at: At, client: number, secret: number }
  | { do: 'issue', at: At, client: number, secret: number, scopes: readonly string[] | undefined, resource: string | undefined }
  | { do: 'present' | 'introspect', at: At, token: number }
  | { do: 'revoke', at: At, /** default that of the token */ client: number | undefined, token: number }
  | { do: 'revokeClient' | 'revokeTokens', at: At, client: number }
  | { do: 'revokeAll', at: At }
  | { do: 'rotateKey', at: At }
  | { do: 'revokeKey', at: At, key: number }
  | { do: 'readKeys', at: At }
  | { do: 'wait', milliseconds: number }
  | { do: 'outlive', token: number, /** from the moment on which it is accepted no more */ milliseconds: number }

export const CLIENT_IDS = ['billing', 'reports', 'Billing'] as const

const at = fc.constantFrom<At>(0, 1)
const client = fc.nat({ max: CLIENT_IDS.length - 1 })
const index = fc.nat({ max: 1000 })
// The newest most of the time: those before have mostly ended.
const secret = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: index })
const token = fc.oneof({ weight: 2, arbitrary: fc.nat({ max: 2 }) }, { weight: 1, arbitrary: index })
const subset = fc.subarray([...SCOPES, 'undeclared'])
const lifetime = fc.option(fc.constantFrom(1, 2, 60, MAX_LIFETIME, 5000), { nil: undefined, freq: 2 })
const secretLifetime = fc.option(fc.constantFrom(1, 60, 1000), { nil: undefined, freq: 2 })
const resource = fc.option(fc.constantFrom(API, REPORTS, 'https://other.example'), { nil: undefined, freq: 2 })

// Below and above what another process may be behind, and the ends of tokens, secrets and keys.
const milliseconds = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(1, 100, 499, 500, 501, 999, 1000, 1001, 1999, 2000) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 3000 }) },
  { weight: 2, arbitrary: fc.constantFrom(1, 5, 6, 59, 60, 61, LIFETIME - 1, LIFETIME, LIFETIME + 1, LIFETIME + 4, LIFETIME + 5, MAX_LIFETIME).map((seconds) => seconds * 1000) },
  { weight: 1, arbitrary: fc.constantFrom(1000, 1300, 1500, 2000, 10_000).map((seconds) => seconds * 1000) }
)

const STEPS: ReadonlyArray<[weight: number, step: fc.Arbitrary<Step>]> = [
  [4, fc.record({ do: fc.constant('add'), at, client, scopes: subset, lifetime, secretLifetime })],
  [2, fc.record({ do: fc.constant('change'), at, client, scopes: subset, hasDefaults: fc.boolean(), audiences: fc.constantFrom(undefined, undefined, [API], [REPORTS], ['https://other.example']), lifetime })],
  [4, fc.record({ do: fc.constantFrom('disable', 'enable', 'remove'), at, client })],
  [2, fc.record({ do: fc.constant('rotateSecret'), at, client, overlap: fc.constantFrom(0, 1, 60), secretLifetime })],
  [2, fc.record({ do: fc.constant('revokeSecret'), at, client, secret })],
  [9, fc.record({ do: fc.constant('issue'), at, client, secret, scopes: fc.option(fc.subarray([...SCOPES], { minLength: 1 }), { nil: undefined }), resource })],
  [9, fc.record({ do: fc.constantFrom('present', 'present', 'introspect'), at, token })],
  [4, fc.record({ do: fc.constant('revoke'), at, client: fc.option(client, { nil: undefined, freq: 2 }), token })],
  [2, fc.record({ do: fc.constantFrom('revokeClient', 'revokeTokens'), at, client })],
  [1, fc.record({ do: fc.constant('revokeAll'), at })],
  [1, fc.record({ do: fc.constant('rotateKey'), at })],
  [1, fc.record({ do: fc.constant('revokeKey'), at, key: index })],
  [1, fc.record({ do: fc.constant('readKeys'), at })],
  [6, fc.record({ do: fc.constant('wait'), milliseconds })],
  [2, fc.record({ do: fc.constant('outlive'), token, milliseconds: fc.constantFrom(-1000, -1, 0, 0, 999, 1000) })]
]

const step = fc.oneof(...STEPS.map(([weight, arbitrary]) => ({ weight, arbitrary })))

/** A history that begins with two clients, since without any nothing happens. */
export const histories: fc.Arbitrary<Step[]> = fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }).map((steps) => [
  { do: 'add', at: 0, client: 0, scopes: ['data:read', 'reports'], lifetime: undefined, secretLifetime: undefined },
  { do: 'add', at: 1, client: 1, scopes: [...SCOPES], lifetime: 60, secretLifetime: undefined },
  ...steps
])
