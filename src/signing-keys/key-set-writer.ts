import { toAuditRecord } from '../entries/audit.ts'
import type { Entries } from '../entries/entries.ts'
import { publishKeyChanges } from '../events/administration.ts'
import type { Clock } from '../lib/clock.ts'
import type { AuditRecord, KeyStore, StoredKey } from '../stores/contracts/index.ts'
import type { KeyChange } from './key-schedule.ts'
import type { SealingKeys } from './sealing-keys.ts'
import type { ChangeOptions } from './signing-keys-options.ts'

/** The parts that a KeySetWriter needs. */
export interface KeySetWriterOptions {
  readonly store: KeyStore
  readonly sealing: SealingKeys
  readonly entries: Entries | undefined
  readonly now: Clock
  /** Applies keys that were read or written. @param step the order of reads and writes. @returns the error of a key that cannot be opened */
  readonly adopt: (keys: readonly StoredKey[], step: number) => Promise<Error | undefined>
}

// An attempt fails if another process has changed something. After so many failures in a row, the store never accepts a change.
const MAX_ATTEMPTS = 100

/**
 * Changes the keys in the store by compare-and-set: reads, computes the change and writes, again if another process has written
 * in between.
 */
export class KeySetWriter {
  readonly #options: KeySetWriterOptions
  #steps = 0
  #hasStarted = false
  #isReadable = true

  constructor (options: KeySetWriterOptions) {
    this.#options = options
  }

  /** Whether the last read of the store has succeeded. */
  get isReadable (): boolean {
    return this.#isReadable
  }

  /**
   * Changes the keys. Calls `onRead` as soon as the keys that were read are in effect, before the change is written.
   *
   * @returns the keys after the change
   */
  async change (change: KeyChange, { revokedKid, by, onRead }: ChangeOptions & { revokedKid?: string, onRead?: () => void } = {}): Promise<readonly StoredKey[]> {
    const { store, sealing, entries, now, adopt } = this.#options
    let isThere = false
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const step = ++this.#steps
      this.#isReadable = false
      const set = await store.readKeys()
      this.#isReadable = true
      // Apply the changes of other processes even if this process cannot write.
      const valid = this.#withoutRevoked(set.keys)
      const problem = await adopt(valid, step)
      onRead?.()
      if (problem !== undefined && revokedKid === undefined) throw problem
      isThere ||= set.keys.some(({ kid }) => kid === revokedKid)
      const changed = await change(valid, now())
      // Seal keys of other processes again only at start, or when something has to be written anyway: processes whose lists
      // begin with different sealing keys would otherwise overwrite each other permanently.
      const keys = await sealing.seal(changed, !this.#hasStarted || changed !== set.keys)
      // The store may have lost the key since the first attempt, while another process still holds it: write its revocation.
      if (keys === set.keys && !(isThere && entries?.isKeyRevoked(revokedKid as string) === false)) return this.#done(set.keys, keys, { kid: revokedKid, by })
      const revokedKids = kidsWithout(set.keys, valid).concat(revokedKid !== undefined && isThere ? revokedKid : [])
      const audit = toAuditRecord(by, describe(valid, keys, revokedKid), now())
      const written = await store.replaceKeys({ version: set.version, keys }, { revokedKids: [...new Set(revokedKids)], audit })
      if (written === false) continue
      entries?.acknowledged(written)
      await adopt(keys, ++this.#steps)
      return this.#done(set.keys, keys, { kid: revokedKid, by })
    }
    throw new Error(`The store has rejected ${MAX_ATTEMPTS} changes to the signing keys in a row`)
  }

  #done (before: readonly StoredKey[], after: readonly StoredKey[], revoked: { kid: string | undefined } & ChangeOptions): readonly StoredKey[] {
    this.#hasStarted = true
    publishKeyChanges(before, after, revoked)
    return after
  }

  // Removes revoked keys: a store that has lost history may contain them again.
  #withoutRevoked (keys: readonly StoredKey[]): readonly StoredKey[] {
    const { entries } = this.#options
    return entries !== undefined && keys.some(({ kid }) => entries.isKeyRevoked(kid)) ? keys.filter(({ kid }) => !entries.isKeyRevoked(kid)) : keys
  }
}

function kidsWithout (keys: readonly StoredKey[], others: readonly StoredKey[]): string[] {
  return keys === others ? [] : keys.filter((key) => !others.includes(key)).map(({ kid }) => kid)
}

// Describes the change of an administrator for the audit record: a revoked key, or an added one.
function describe (before: readonly StoredKey[], after: readonly StoredKey[], revokedKid: string | undefined): Pick<AuditRecord, 'object' | 'id' | 'change'> {
  const added = after.find(({ kid }) => before.every((key) => key.kid !== kid))
  return { object: 'key', id: revokedKid ?? added?.kid ?? '', change: revokedKid === undefined ? 'added' : 'revoked' }
}
