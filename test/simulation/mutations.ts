// Faults that the simulation must see: each is put into the code by one replacement.

export interface Mutation {
  /** Mutations of one number bring back the same fault of release 0.1.0. Undefined for a fault that was found on the way. */
  readonly fault?: number
  readonly name: string
  readonly file: string
  readonly search: string
  readonly replacement: string
}

export const MUTATIONS: readonly Mutation[] = [
  {
    fault: 1,
    name: 'Revoking the tokens of a client reports success and revokes nothing',
    file: 'src/client-registry/client-registry.ts',
    search: "'tokens_revoked', (client) => this.#raised(client),",
    replacement: "'tokens_revoked', (client) => ({ client }),"
  },
  {
    fault: 1,
    name: 'Disabling a client leaves its tokens valid',
    file: 'src/client-registry/client-registry.ts',
    search: 'this.#raised({ ...client, isDisabled: true })',
    replacement: '({ client: { ...client, isDisabled: true } })'
  },
  {
    fault: 2,
    name: 'A feed is read on by its position alone',
    file: 'src/stores/memory/feed.ts',
    search: 'marked?.entry.name !== after.name',
    replacement: 'after.position > this.#position'
  },
  {
    fault: 2,
    name: 'A lost history is not noticed by the process',
    file: 'src/entries/feed-reader.ts',
    search: 'if (!page.isContinued || page.storeId !== (this.#storeId ??= page.storeId)) return await this.#readAgain()',
    replacement: 'this.#storeId ??= page.storeId'
  },
  {
    fault: 3,
    name: 'A failed attempt says that the store is unavailable, however long ago it was',
    file: 'src/lib/background-refresh.ts',
    search: '< this.#retryAfter',
    replacement: '< Infinity'
  },
  {
    fault: 4,
    name: 'A client is not looked at again before it gets a token, and the token carries the last generation',
    file: 'src/client-registry/client-authenticator.ts',
    search: 'return isConfirmed ? client : this.#confirmAnew(context)',
    replacement: 'return client'
  },
  {
    fault: 5,
    name: 'The age of what was read counts from its arrival',
    file: 'src/lib/background-refresh.ts',
    search: 'this.#wallAtRead = wall\n    this.#monotonicAtRead = begunAt',
    replacement: 'this.#wallAtRead = this.wall()\n    this.#monotonicAtRead = monotonic()'
  },
  {
    fault: 6,
    name: 'Entries expire by the lifetime that was configured last',
    file: 'src/entries/agreement.ts',
    search: 'Math.max(stored.longestTokenLifetime, terms.longestTokenLifetime)',
    replacement: 'terms.longestTokenLifetime'
  },
  {
    fault: 6,
    name: 'The cut-off of a client expires by the lifetime of the process that writes it',
    file: 'src/access-token/revoke-client-tokens.ts',
    search: 'Math.max(maxTokenLifetime, settings?.longestTokenLifetime ?? 0)',
    replacement: 'maxTokenLifetime'
  },
  {
    name: 'Clock tolerance does not count for cut-offs',
    file: 'src/access-token/token-validity.ts',
    search: 'issuedAt < cutOff + clockTolerance',
    replacement: 'issuedAt < cutOff + 0 * clockTolerance'
  },
  {
    fault: 7,
    name: 'What has expired is judged by the wall clock',
    file: 'src/lib/steady-clock.ts',
    search: 'Math.min(now(), startedAt + Math.ceil((monotonic() - startedMonotonic) / 1000))',
    replacement: 'now() + 0 * (startedAt + startedMonotonic + monotonic())'
  },
  {
    fault: 7,
    name: 'A one-time value is forgotten with its acceptance window',
    file: 'src/stores/memory.ts',
    search: 'window + 2 * clockTolerance',
    replacement: 'window - 2 * clockTolerance'
  },
  {
    fault: 8,
    name: 'A JWKS is used for twice its maximum age',
    file: 'src/http-client/remote-document.ts',
    search: 'maxAge: maxAge * 1000,',
    replacement: 'maxAge: maxAge * 2000,'
  },
  {
    fault: 9,
    name: 'All revocations are read at once',
    file: 'src/stores/contracts/feed.ts',
    search: 'export const PAGE_SIZE = 250',
    replacement: 'export const PAGE_SIZE = 1_000_000'
  },
  {
    fault: 10,
    name: 'A command replaces a revoked key by one of its own algorithm',
    file: 'src/signing-keys/key-schedule.ts',
    search: 'await makeKey(revoked.alg)',
    replacement: 'await makeKey()'
  },
  {
    fault: 11,
    name: 'A change leaves no audit record',
    file: 'src/entries/audit.ts',
    search: 'if (origin === undefined) return',
    replacement: 'if (origin === undefined || time > 0) return'
  },
  {
    name: 'Raises are counted without the clock of the store',
    file: 'src/stores/new-entries.ts',
    search: 'Math.max(clock, given))',
    replacement: 'Math.max(0 * clock, given))'
  },
  {
    name: 'The generation of all clients is not looked at',
    file: 'src/entries/entries.ts',
    search: 'if (generation < state.generationOfAll) return true',
    replacement: ''
  },
  {
    name: 'A state that is too old is used without waiting',
    file: 'src/lib/background-refresh.ts',
    search: 'if (age >= this.#maxAge) return this.youngerThan(',
    replacement: 'if (age >= 3 * this.#maxAge) return this.youngerThan('
  },
  {
    name: 'maxStale is ignored',
    file: 'src/lib/background-refresh.ts',
    search: 'return age < this.#maxAge || (age <= maxStale &&',
    replacement: 'return age < this.#maxAge || (age <= maxStale + 1e9 &&'
  },
  {
    name: 'What is judged is not judged again when it took too long',
    file: 'src/access-token/jwt-access-tokens.ts',
    search: 'if (!this.#validity.isUsable()) continue\n',
    replacement: ''
  },
  {
    name: 'A read counts once its first page is in',
    file: 'src/entries/feed-reader.ts',
    search: '} while (page.hasMore)\n    // An entry',
    replacement: '} while (false)\n    // An entry'
  },
  {
    name: 'Own writes do not count as read',
    file: 'src/entries/feed-reader.ts',
    search: 'if (!this.#history.acknowledge(entry, this.#mark)) this.#mustStartAgain = true\n    }\n  }\n\n  // What a page',
    replacement: '}\n  }\n\n  // What a page'
  },
  {
    name: 'What a store has lost is not written back',
    file: 'src/entries/feed-reader.ts',
    search: 'if (!this.#isOtherStore) this.#repair.start(stored)',
    replacement: ''
  },
  {
    name: 'A one-time value is accepted although it is reserved',
    file: 'src/stores/contracts/consume-once.ts',
    search: 'return await replays.reserve(key, reservation) &&',
    replacement: 'await replays.reserve(key, reservation)\n  return'
  },
  {
    name: 'Of two own writes at one position, the first is forgotten',
    file: 'src/entries/feed-history.ts',
    search: 'if (before !== undefined && before !== name) return false\n',
    replacement: ''
  },
  {
    name: 'A reading of everything that gets no answer is waited for permanently',
    file: 'src/entries/feed-reader.ts',
    search: 'if (left > 0) await within(reading, left)',
    replacement: 'await reading.finally(() => left)'
  },
  {
    name: 'A read that takes too long is an internal error',
    file: 'src/lib/background-refresh.ts',
    search: 'new ReadTimeout(`',
    replacement: 'new Error(`'
  },
  {
    name: 'A client is not looked at again once its token is made',
    file: 'src/endpoints/token.ts',
    search: 'const delivered = await confirmClient(settings, { ...authenticated, client: confirmed })',
    replacement: 'const delivered = confirmed'
  },
  {
    name: 'A guard does not look at the keys that its own entries name',
    file: 'src/access-token/token-validity.ts',
    search: ' || (kid !== undefined && entries.isKeyRevoked(kid))',
    replacement: ''
  },
  {
    name: 'A database forgets the generation of all clients',
    file: 'src/stores/new-entries.ts',
    search: 'export const NEVER = 253_402_300_799',
    replacement: 'export const NEVER = 1_800_000_000'
  },
  {
    name: 'What was cached of clients is kept when history is lost',
    file: 'src/client-registry/client-cache.ts',
    search: 'if (epoch === this.#epoch) return',
    replacement: 'if (epoch >= this.#epoch) return'
  },
  {
    name: 'A client returns enabled from a write-back',
    file: 'src/stores/lost-entries.ts',
    search: '((isDisabled || client.isDisabled === true) && { isDisabled: true })',
    replacement: '(client.isDisabled === true && isDisabled && { isDisabled: true })'
  },
  {
    name: 'A client that is added again begins without a generation',
    file: 'src/stores/memory/clients.ts',
    search: 'isRaised ? generationOf(written) : this.#parts.time.milliseconds()',
    replacement: '0 * written.length'
  },
  {
    name: 'An attempt that waits for another one fails a second after it began, though it has asked for nothing',
    file: 'src/entries/feed-reader.ts',
    search: 'if (left > 0) await within(reading, left)',
    replacement: 'if (left > 0) await reading.catch(() => {})'
  },
  {
    name: 'Keys that were read do not count until a key that is due is written',
    file: 'src/signing-keys/signing-keys.ts',
    search: 'if (this.#ring !== undefined) timer ??= setTimeout(resolve, Math.max(WRITE_LIMIT - age(), 0), undefined)',
    replacement: ''
  },
  {
    fault: 6,
    name: 'Keys are dropped by the lifetime that a process was started with',
    file: 'src/signing-keys/key-upkeep.ts',
    search: 'known.map(({ longestTokenLifetime }) => longestTokenLifetime)',
    replacement: 'known.map(({ longestTokenLifetime }) => 0 * longestTokenLifetime)'
  },
  {
    fault: 7,
    name: 'A key is dropped by the clock of one process',
    file: 'src/signing-keys/key-upkeep.ts',
    search: 'dropped.length === 0 ? [] : await this.#stillNeeded(keys)',
    replacement: 'dropped.length >= 0 ? [] : await this.#stillNeeded(keys)'
  },
  {
    fault: 1,
    name: 'The revocation of a key that was lost meanwhile is a success without effect',
    file: 'src/signing-keys/key-set-writer.ts',
    search: ' && !(isThere && entries?.isKeyRevoked(revokedKid as string) === false)',
    replacement: ''
  },
  {
    fault: 2,
    name: 'Entries are written back without the clients that they are about',
    file: 'src/stores/lost-entries.ts',
    search: 'const found = await findClients(clients, entries)',
    replacement: 'const found = await findClients(clients, entries.slice(entries.length))'
  },
  {
    fault: 2,
    name: 'A version counts the changes, so that a lost history may have had the same',
    file: 'src/stores/next-version.ts',
    search: 'version + randomInt(1, MAX_STEP)',
    replacement: 'version + 1 + 0 * randomInt(1, MAX_STEP)'
  }
]
