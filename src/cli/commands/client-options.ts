import type { ClientChanges } from '../../client-registry/client-registry.ts'
import type { ClientRegistration } from '../../stores/contracts/index.ts'
import type { CertificateName } from '../../stores/contracts/index.ts'
import type { Option } from '../command.ts'
import { UsageError } from '../errors.ts'
import { parseJson, readInput } from '../io.ts'
import type { Io } from '../io.ts'
import { secondsOf, textOf, wordsOf } from '../values.ts'
import type { Values } from '../values.ts'

/** The options for the registration of a client. */
export const REGISTRATION_OPTIONS: Readonly<Record<string, Option>> = {
  name: { type: 'string', placeholder: 'TEXT', description: 'a name for humans' },
  scope: { type: 'string', placeholder: '"A B"', description: 'the scopes that it may have (default none)' },
  'default-scope': { type: 'string', placeholder: '"A"', description: 'the scopes of a token request without scope (default all of its own)' },
  audience: { type: 'string', placeholder: '"A B"', description: 'the resources that its tokens may be for (default all of the server)' },
  introspects: { type: 'string', placeholder: '"A B"', description: 'for a resource server: the audiences whose tokens it may introspect' },
  'access-token-lifetime': { type: 'string', placeholder: 'TIME', description: 'how long its tokens live: 90, 15m, 12h (default that of the server)' },
  'auth-method': { type: 'string', placeholder: '"A B"', description: 'how it may authenticate: client_secret_basic, private_key_jwt, ... (default all that it has secrets or keys for)' },
  jwks: { type: 'string', placeholder: 'FILE', description: 'its public keys: a JWK Set' },
  'jwks-uri': { type: 'string', placeholder: 'URL', description: 'where its public keys are' },
  'certificate-name': { type: 'string', placeholder: 'KIND:NAME', description: 'the name in its certificate: dn, dns, uri, ip or email, such as dns:billing.example.com' },
  'sender-constraint': { type: 'string', placeholder: 'KIND', description: 'what its tokens must be bound to: dpop or mtls' }
}

const CERTIFICATE_NAMES: Readonly<Record<string, (name: string) => CertificateName>> = {
  dn: (name) => ({ subjectDn: name }),
  dns: (name) => ({ sanDns: name }),
  uri: (name) => ({ sanUri: name }),
  ip: (name) => ({ sanIp: name }),
  email: (name) => ({ sanEmail: name })
}

type Read = (values: Values, option: string, io: Io) => unknown

const READERS: Readonly<Record<keyof ClientRegistration, readonly [option: string, read: Read]>> = {
  name: ['name', textOf],
  scopes: ['scope', wordsOf],
  defaultScopes: ['default-scope', wordsOf],
  audiences: ['audience', wordsOf],
  introspects: ['introspects', wordsOf],
  accessTokenLifetime: ['access-token-lifetime', secondsOf],
  authMethods: ['auth-method', wordsOf],
  jwks: ['jwks', async (values, option, io) => parseJson(await readInput(String(values[option]), io), 'JWK Set')],
  jwksUri: ['jwks-uri', textOf],
  certificateName: ['certificate-name', readCertificateName],
  senderConstraint: ['sender-constraint', textOf]
}

/**
 * Reads the registration of a client from the options. The registry validates it.
 *
 * @returns the members whose options are given; undefined for an empty one, which removes the member
 */
export async function readRegistration (values: Values, io: Io): Promise<ClientChanges> {
  const given = Object.entries(READERS).filter(([, [option]]) => values[option] !== undefined)
  const read = given.map(async ([member, [option, readOption]]) => [member, values[option] === '' ? undefined : await readOption(values, option, io)])
  return Object.fromEntries(await Promise.all(read))
}

function readCertificateName (values: Values, option: string): CertificateName {
  const text = String(values[option])
  const [, kind = '', name = ''] = /^(\w+):(.+)$/.exec(text) ?? []
  const make = Object.hasOwn(CERTIFICATE_NAMES, kind) ? CERTIFICATE_NAMES[kind] : undefined
  if (make === undefined) throw new UsageError(`--certificate-name must be dn:, dns:, uri:, ip: or email: and a name, and not "${text}"`)
  return make(name)
}
