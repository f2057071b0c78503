import { hash } from 'node:crypto'

/** The name of a token for maps and stores, from which nobody gets the token back. */

export function sha256Base64url (token: string): string {
  return hash('sha256', token, 'base64url')
}
