// What a process was told, by pages of feeds and by the acknowledgements of its own writes.
import type { ClientEntry, Entry, Revocation } from '../../src/stores/contracts/index.ts'

export class Held {
  /** Of each client, the entry of the greatest generation. */
  readonly clients = new Map<string, { generation: number, isDisabled: boolean, expiresAt: number, at: number }>()
  /** With the times when they expire. */
  readonly keys = new Map<string, number>()
  readonly secrets = new Map<string, number>()
  /** When it was told of a secret, and of the entry of a client. */
  readonly #heldAt = new Map<string, number>()
  readonly tokens = new Map<string, number>()
  readonly #cutOffs = new Map<string, number>()
  all = { generation: 0, expiresAt: 0 }

  addEntries (entries: readonly Entry[], now: number): void {
    for (const entry of entries) {
      switch (entry.kind) {
        case 'client': this.#addClient(entry, now); break
        case 'all': if (entry.generation > this.all.generation) this.all = entry; break
        case 'key': this.keys.set(entry.id, entry.expiresAt); break
        case 'secret':
          this.secrets.set(entry.id, entry.expiresAt)
          if (!this.#heldAt.has(entry.id)) this.#heldAt.set(entry.id, now)
      }
    }
  }

  #addClient (entry: ClientEntry, now: number): void {
    const { generation, isDisabled, expiresAt } = entry
    const held = this.clients.get(entry.id)
    if (held === undefined || held.generation < generation) this.clients.set(entry.id, { generation, isDisabled, expiresAt, at: now })
    else if (held.generation === generation && isDisabled) this.clients.set(entry.id, { ...held, isDisabled })
  }

  addRevocations (revocations: readonly Revocation[]): void {
    for (const one of revocations) {
      if (one.kind === 'token') this.tokens.set(one.id, one.expiresAt)
      else this.#cutOffs.set(one.id, Math.max(one.issuedBefore, this.#cutOffs.get(one.id) ?? 0))
    }
  }

  /** The greater of the numbers of a client and of all clients. */
  generation (clientId: string): number {
    return Math.max(this.all.generation, this.clients.get(clientId)?.generation ?? 0)
  }

  hasKeyEntry (kid: string): boolean {
    return this.keys.has(kid)
  }

  hadSecretEntry (clientId: string, secretId: string, before: number): boolean {
    return (this.#heldAt.get(`${clientId} ${secretId}`) ?? Infinity) <= before
  }

  hasTokenRevocation (id: string): boolean {
    return this.tokens.has(id)
  }

  cutOff (clientId: string): number {
    return this.#cutOffs.get(clientId) ?? 0
  }
}
