import { hash } from 'node:crypto'

/** Returns the key of a token in maps and stores, from which the token cannot be recovered. */

export function sha256Base64url (token: string): string {
  return hash('sha256', token, 'base64url')
}
