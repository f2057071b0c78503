import { isIssuer } from '../../http/issuer.ts'
import type { KeySource } from '../../signing-keys/key-source.ts'
import { callable, codedError, hasMethods, isTable, listOf, names, seconds, withError, withMethods } from '../../options/check-options.ts'
import type { Rule } from '../../options/check-options.ts'
import type { Fetch } from '../../http-client/fetch-json.ts'
import type {
  AuditOrigin, ClientStore, EntryStore, FailureStore, KeyStore, ReplayStore, RevocationStore, TokenStore
} from './index.ts'

// The rules for what several parts have as options. They look at methods only, so that an implementation of the user's own,
// or of another copy of this package, is accepted.

const STORES = 'Pass sqliteStore(...), postgresStore(...), new MemoryStore() or a store of your own'

/** A function that is called with the error of an outage. */
export const ON_ERROR: Rule<(error: Error) => void> = callable<(error: Error) => void>('that takes an Error')

/** A `fetch`. */
export const FETCH: Rule<Fetch> = callable<Fetch>('of the shape of fetch')

/** What tokens are for. */
export const AUDIENCE: Rule<string | readonly string[]> = withError(names(), codedError('FST_OAUTH_INVALID_AUDIENCE'), 'Pass the URL of the API')

/** How long what was read last is used while its source is unavailable. */
export const MAX_STALE: Rule<number> = withError(seconds(0), codedError('FST_OAUTH_INVALID_MAX_STALE'))

/** Who makes a change. */
export const AUDIT_ORIGIN: Rule<AuditOrigin> = {
  accepts: (value) => isTable(value) && isTable(value.actor) && typeof value.actor.id === 'string',
  demand: 'the origin of the change: { actor: { kind, id } }, and for a request requestId'
}

// What it returns is not known here, since clients are above the stores.
interface ClientFinder { findClient (clientId: string): never }

/** What finds clients, such as a registry. */
export const CLIENT_FINDER: Rule<ClientFinder> = { ...withMethods<ClientFinder>('the clients', 'findClient'), fix: 'Pass the ClientRegistry' }

/** A store of clients. */
export const CLIENT_STORE: Rule<ClientStore & Partial<ReplayStore>> = { ...withMethods<ClientStore>('a store of clients', 'addClients', 'findClients', 'replaceClient', 'removeClient', 'listClients', 'listClientChanges', 'hasImportedSecrets', 'saveSecretUses', 'findSecretUses'), fix: STORES }

/** A store of signing keys. */
export const KEY_STORE: Rule<KeyStore> = { ...withMethods<KeyStore>('a store of signing keys', 'readKeys', 'replaceKeys'), fix: STORES }

/** A store of entries: of the clients and keys. */
export const ENTRY_STORE: Rule<EntryStore> = { ...withMethods<EntryStore>('the store of the clients', 'listEntries', 'addEntries', 'raiseAll'), fix: STORES }

/** A store of revocations. */
export const REVOCATION_STORE: Rule<RevocationStore> = { ...withMethods<RevocationStore>('a store of revocations', 'addRevocation', 'listRevocations'), fix: `${STORES}, or redisStore(...)` }

/** A store of one-time values. */
export const REPLAY_STORE: Rule<ReplayStore> = { ...withMethods<ReplayStore>('a store of one-time values', 'reserve'), fix: `${STORES}, or redisStore(...)` }

/** A store of counted failures. */
export const FAILURE_STORE: Rule<FailureStore> = { ...withMethods<FailureStore>('a store of counted failures', 'countFailure', 'forgetFailures'), fix: 'Pass redisStore(...), new MemoryStore() or a store of your own' }

/** A store of opaque tokens, with their revocations. */
export const TOKEN_STORE: Rule<TokenStore & RevocationStore> = { ...withMethods<TokenStore & RevocationStore>('a store of access tokens', 'saveToken', 'findToken', 'removeToken', 'addRevocation', 'listRevocations'), fix: STORES }

/** The keys that tokens are signed with. */
export const KEY_SOURCE: Rule<KeySource> = {
  accepts: (value) => hasMethods(value, ['current', 'find', 'toJwks']) && ['maxTokenLifetime', 'jwksMaxAge'].every((name) => Number.isFinite((value as Record<string, unknown>)[name])),
  demand: 'signing keys: an object with the methods current, find and toJwks, and the numbers maxTokenLifetime and jwksMaxAge',
  fix: 'Pass new SigningKeys(store)'
}

/** JWS algorithms. */
export function algorithmsOf (known: readonly string[]): Rule<readonly string[]> {
  return { ...listOf<string>((name) => known.includes(name as string), known.join(', ')), fix: 'Pass names of JWS algorithms' }
}

/** An issuer identifier. Beside an option `dangerouslyAllowHttpIssuer` that is true, http is accepted on any host. */
export const ISSUER: Rule<string> = {
  accepts: (value, { dangerouslyAllowHttpIssuer }) => isIssuer(value, dangerouslyAllowHttpIssuer === true),
  demand: 'an https URL without query and fragment, or an http URL on loopback',
  fix: 'Pass such a URL. For http inside of a private network, set dangerouslyAllowHttpIssuer: true',
  error: codedError('FST_OAUTH_INVALID_ISSUER')
}
