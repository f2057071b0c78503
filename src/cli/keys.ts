import type { JWK } from 'jose'
import { isSigningAlgorithm } from '../keys/jwk.ts'
import type { KeyInformation, SigningKeysOptions } from '../keys/signing-keys.ts'
import { SigningKeys } from '../keys/signing-keys.ts'
import type { Command, CommandStore, Invocation, Option } from './command.ts'
import { secretsFrom } from './environment.ts'
import { CommandError, UsageError } from './failure.ts'
import type { Io } from './io.ts'
import { parseJson, readInput } from './io.ts'
import { alignColumns, isoTime, note, print } from './output.ts'
import { secondsOf, textOf } from './values.ts'

const RULES: Record<string, Option> = {
  algorithm: { type: 'string', placeholder: 'NAME', description: 'what new keys sign with: ES256 (default), EdDSA, RS256 or PS256' },
  'rotate-every': { type: 'string', placeholder: 'TIME', description: 'how long a key signs (default 30d)' },
  'announce-for': { type: 'string', placeholder: 'TIME', description: 'how long a new key is announced before it signs (default 1h)' },
  'max-token-lifetime': { type: 'string', placeholder: 'TIME', description: 'how long tokens live at most (default 24h)' },
  'clock-tolerance': { type: 'string', placeholder: 'TIME', description: 'how far clocks may differ (default 1m)' }
}

const SAME_RULES = 'Give these options the values that SigningKeys has in your servers: with others the two work against each other.'
const SEALING = 'Where your servers seal private keys, set OAUTH_SEALING_KEYS to the same keys, separated by commas.'

/** The commands for the keys that sign access tokens. */
export const KEY_COMMANDS: readonly Command[] = [
  {
    name: 'keys list',
    operands: [],
    summary: 'Lists the signing keys, their states and times',
    details: ['A key is announced (next), then signs (current), then is kept until the last of its tokens has expired (retired).', SAME_RULES],
    options: RULES,
    examples: ['keys list', 'keys list --json'],
    run: async (invocation) => await withKeys(invocation, async (keys) => {
      const list = await keys.list()
      if (invocation.isJson) {
        for (const key of list) await print(invocation.io, JSON.stringify(toJson(key)))
      } else {
        await print(invocation.io, alignColumns([['KID', 'ALG', 'STATE', 'CREATED', 'SIGNS FROM', 'SEALED'], ...list.map(toCells)]))
      }
    })
  },
  {
    name: 'keys rotate',
    operands: [],
    summary: 'Announces a new signing key, which takes over by itself',
    details: ['The one that is announced already, if one is. The first key ever signs at once.', SAME_RULES, SEALING],
    options: RULES,
    examples: ['keys rotate', 'keys rotate --announce-for 10m'],
    run: async (invocation) => await withKeys(invocation, async (keys) => await printKey(invocation, await keys.rotate()))
  },
  {
    name: 'keys revoke',
    operands: ['KID'],
    summary: 'Drops a signing key that leaked, at once and with all its tokens',
    details: ['If it is the one that signs, another takes its place at once.', SAME_RULES, SEALING],
    options: RULES,
    examples: ['keys revoke ed4nJY8ZWR2oYlDYQzYTqlYkPzvYXJS3DwiTNMzQ1fY'],
    run: async (invocation) => await withKeys(invocation, async (keys, store) => {
      await refuseToUnseal(store, invocation.io)
      const [kid = ''] = invocation.operands
      if (!await keys.revoke(kid)) throw new CommandError(`There is no key "${kid}". See those that are there: keys list`)
      note(invocation.io, `Key ${kid} is revoked, and its tokens are invalid`)
    })
  },
  {
    name: 'keys import',
    operands: ['FILE'],
    summary: 'Adds a private key that was made elsewhere: a PEM or a JWK, "-" for the standard input',
    details: ['It signs after it was announced. The first key ever signs at once.', SAME_RULES, SEALING],
    options: RULES,
    examples: ['keys import signing-key.pem', 'vault read -field=jwk secret/signing | fastify-client-credentials keys import -'],
    run: async (invocation) => {
      const key = await readKey(invocation)
      const algorithm = algorithmOf(invocation)
      await withKeys(invocation, async (keys) => await printKey(invocation, await keys.import(key, algorithm === undefined ? {} : { algorithm })))
    }
  }
]

async function withKeys (invocation: Invocation, work: (keys: SigningKeys, store: CommandStore) => Promise<void>): Promise<void> {
  const options = keyOptions(invocation)
  await invocation.withStore(async (store) => {
    await work(new SigningKeys(store, options), store)
  })
}

function keyOptions (invocation: Invocation): SigningKeysOptions {
  const { values, io } = invocation
  const sealingKeys = secretsFrom(io.env, 'OAUTH_SEALING_KEYS')
  const times = {
    rotateEvery: secondsOf(values, 'rotate-every'),
    announceFor: secondsOf(values, 'announce-for'),
    maxTokenLifetime: secondsOf(values, 'max-token-lifetime'),
    clockTolerance: secondsOf(values, 'clock-tolerance')
  }
  const given = Object.entries({ ...times, algorithm: algorithmOf(invocation), sealingKeys }).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(given), now: io.now }
}

// The key that takes the place of a revoked one would lie open beside sealed ones. The other commands refuse by themselves.
async function refuseToUnseal (store: CommandStore, { env }: Io): Promise<void> {
  const { keys } = await store.readKeys()
  if (env.OAUTH_SEALING_KEYS === undefined && keys.some(({ privateJwk }) => typeof privateJwk === 'string')) {
    throw new CommandError('The keys in this store are sealed. Set OAUTH_SEALING_KEYS to the sealing keys of your servers')
  }
}

function algorithmOf ({ values }: Invocation) {
  const name = textOf(values, 'algorithm')
  if (name !== undefined && !isSigningAlgorithm(name)) throw new UsageError(`--algorithm takes ES256, EdDSA, RS256 or PS256, and not "${name}"`)
  return name
}

async function readKey ({ io, operands: [file = ''] }: Invocation): Promise<string | JWK> {
  const text = await readInput(file, io)
  return text.trimStart().startsWith('{') ? parseJson(text, 'JWK') as JWK : text
}

function toJson (key: KeyInformation) {
  return { ...key, createdAt: isoTime(key.createdAt), activeFrom: isoTime(key.activeFrom) }
}

function toCells ({ kid, alg, state, createdAt, activeFrom, isSealed }: KeyInformation): string[] {
  return [kid, alg, state, isoTime(createdAt), isoTime(activeFrom), isSealed ? 'yes' : 'no']
}

async function printKey ({ io, isJson }: Invocation, key: KeyInformation): Promise<void> {
  await print(io, isJson ? JSON.stringify(toJson(key)) : `${key.kid}  ${key.alg}  ${key.state}, signs from ${isoTime(key.activeFrom)}`)
}
