import type { Clock } from '../clock.ts'
import type { AuditOrigin } from '../stores/index.ts'
import type { IssuedSecret } from './new-client.ts'

/** How secrets are hashed, and what is remembered of clients. */
export interface ClientRegistryOptions {
  /**
   * Keys of the HMAC that secrets are hashed with, of 32 characters at least. The first hashes new secrets, all of them
   * are tried: put a new one in front, and take the old one away when its secrets have been rotated. null stands for none:
   * put it last as long as there are secrets from before there was a pepper. Default none: SHA-256, which is no weaker for
   * secrets of 256 random bits; a pepper makes a copy of the store alone worthless for writing too.
   */
  peppers?: readonly (string | null)[]
  /** How many clients are remembered. The one that was used longest ago goes first. 0 for none. Default 10,000. */
  cacheSize?: number
  /** Seconds after which a remembered client is read again, whatever the store says of changes; 3,600 at most. Default 60. */
  cacheMaxAge?: number
  /** Is told of what fails behind the scenes: writing when secrets were used last, reading what changed. Once per outage. Default nobody is. */
  onError?: (error: Error) => void
  /** Default the clock of the machine. */
  now?: Clock
}

/** Options of a change. */
export interface ClientChangeOptions {
  /** Who makes the change: then it is recorded in the store. Default no record. */
  by?: AuditOrigin | undefined
}

/** How clients are added. */
export interface AddOptions extends ClientChangeOptions {
  /**
   * Gets the secrets that were generated before the clients are stored, to keep them: those of clients that turn out to be
   * there already are of no use. Nothing is stored if it rejects.
   */
  beforeCommit?: (issued: ReadonlyArray<{ id: string, secret: IssuedSecret }>) => Promise<void>
}
