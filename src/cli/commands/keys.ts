import type { JWK } from 'jose'
import { SigningKeys } from '../../index.ts'
import type { KeyInformation } from '../../adapter.ts'
import { keyBounds } from '../bounds.ts'
import type { Command, CommandStore, Invocation } from '../command.ts'
import { secretsFrom } from '../environment.ts'
import { CommandError } from '../errors.ts'
import { parseJson, readInput } from '../io.ts'
import type { Io } from '../io.ts'
import { originOf } from '../origin.ts'
import { alignColumns, isoTime, note, print } from '../output.ts'
import { agreedRules, algorithmOf, givenRules, KEY_RULE_OPTIONS, SAME_RULES } from './key-rules.ts'

const SEALING = 'Where your servers seal private keys, set OAUTH_SEALING_KEYS to the same keys, separated by commas.'

/** The commands for the keys that sign access tokens. */
export const KEY_COMMANDS: readonly Command[] = [
  {
    name: 'keys list',
    operands: [],
    summary: 'Lists the signing keys, their states and times',
    details: ['A key is announced (next), then signs (current), then is kept until the last of its tokens has expired (retired).', SAME_RULES],
    options: KEY_RULE_OPTIONS,
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
    summary: 'Announces a new signing key, which begins to sign after that',
    details: ['Where one is announced already, it prints that one. The first key signs at once.', SAME_RULES, SEALING],
    options: KEY_RULE_OPTIONS,
    examples: ['keys rotate', 'keys rotate --announce-for 10m'],
    run: async (invocation) => await withKeys(invocation, async (keys) => await printKey(invocation, await keys.rotate({ by: originOf(invocation) })))
  },
  {
    name: 'keys revoke',
    operands: ['KID'],
    summary: 'Revokes a signing key that has leaked, with all of its tokens',
    details: ['If it is the key that signs, another one replaces it at once: the one that is announced, else a new one of the same algorithm.', ...keyBounds(900), SAME_RULES, SEALING],
    options: KEY_RULE_OPTIONS,
    examples: ['keys revoke ed4nJY8ZWR2oYlDYQzYTqlYkPzvYXJS3DwiTNMzQ1fY'],
    advice: 'Run the same command again, which is safe: where there is no such key, it was revoked',
    run: async (invocation) => await withKeys(invocation, async (keys, store) => {
      await checkSealing(store, invocation.io)
      const [kid = ''] = invocation.operands
      if (!await keys.revoke(kid, { by: originOf(invocation) })) throw new CommandError(`There is no key "${kid}". List the keys: keys list`)
      note(invocation.io, [`Key ${kid} is revoked, and its tokens are invalid`, ...keyBounds(keys.jwksMaxAge)].join('\n'))
    })
  },
  {
    name: 'keys import',
    operands: ['FILE'],
    summary: 'Adds a private key that was generated elsewhere: a PEM or a JWK, "-" for the standard input',
    details: ['It signs after it was announced. The first key signs at once.', SAME_RULES, SEALING],
    options: KEY_RULE_OPTIONS,
    examples: ['keys import signing-key.pem', 'vault read -field=jwk secret/signing | fastify-client-credentials keys import -'],
    run: async (invocation) => {
      const key = await readKey(invocation)
      const algorithm = algorithmOf(invocation.values)
      await withKeys(invocation, async (keys) => await printKey(invocation, await keys.import(key, { ...algorithm !== undefined && { algorithm }, by: originOf(invocation) })))
    }
  }
]

async function withKeys (invocation: Invocation, work: (keys: SigningKeys, store: CommandStore) => Promise<void>): Promise<void> {
  const { io: { env, now } } = invocation
  const given = givenRules(invocation)
  const sealingKeys = secretsFrom(env, 'OAUTH_SEALING_KEYS')
  await invocation.withStore(async (store) => {
    const rules = agreedRules(given, await store.readSettings())
    await work(new SigningKeys(store, { ...rules, ...sealingKeys !== undefined && { sealingKeys }, now }), store)
  })
}

// Without sealing keys, the key that replaces a revoked one would be stored unsealed beside sealed ones. The other commands
// fail in that case.
async function checkSealing (store: CommandStore, { env }: Io): Promise<void> {
  const { keys } = await store.readKeys()
  if (env.OAUTH_SEALING_KEYS === undefined && keys.some(({ privateJwk }) => typeof privateJwk === 'string')) {
    throw new CommandError('The keys in this store are sealed. Set OAUTH_SEALING_KEYS to the sealing keys of your servers')
  }
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
