const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Returns whether a string is an absolute URL that secrets and tokens may be sent to (RFC 6749 §2.3.1, RFC 6750 §5.3):
 * https, or http on this machine.
 *
 * @param allowHttp accepts http on any host, if an option `dangerouslyAllowHttpIssuer` is true
 */
export function isSecureUrl (text: string, allowHttp = false): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || (protocol === 'http:' && (allowHttp || LOOPBACK.has(hostname)))
}
