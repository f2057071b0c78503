// A small reading of requests by the RFCs, which shares nothing with the server's: only what it finds good may be served.
import { CERTIFICATE_FIELD, CLIENTS, ISSUER, REPORTS, ROUTES, SECRET } from './all-features.ts'
import type { Sent } from './mutations.ts'

/** A token that was issued. */
export interface Known { client: string, scopes: readonly string[], binding: 'none' | 'proof' | 'certificate', isRevoked: boolean }
/** What was granted to whom. */
export interface Grant { client: string, scopes: readonly string[], binding: Known['binding'] }

/** What a client has made and not used yet, and which tokens there are. */
export class Knowledge {
  readonly assertions = new Map<string, string>()
  /** By method, path and token. */
  readonly proofs = new Map<string, string>()
  readonly tokens = new Map<string, Known>()
}

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const valuesOf = ({ fields }: Sent, name: string) => fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value.trim())
const withoutQuery = (target: string) => target.split(/[?#]/, 1)[0]!

/** The form of a request, if it has one whose parameters are there once each: of a token request all but resource (RFC 8707 §2). */
function formOf (sent: Sent): URLSearchParams | undefined {
  // Of several, Node.js takes the first.
  const [type] = valuesOf(sent, 'content-type')
  if (sent.method !== 'POST' || type?.split(';')[0]!.trim().toLowerCase() !== 'application/x-www-form-urlencoded') return undefined
  const form = new URLSearchParams(`&${sent.body ?? ''}`)
  const names = [...form.keys()].filter((name) => name !== 'resource' || withoutQuery(sent.target) !== '/oauth2/token')
  return new Set(names).size === names.length ? form : undefined
}

/** Who authenticates with a form, in one way only. */
function clientOf (sent: Sent, form: URLSearchParams, knowledge: Knowledge): string | undefined {
  const authorizations = valuesOf(sent, 'authorization')
  const [secret, assertion, type, named] = ['client_secret', 'client_assertion', 'client_assertion_type', 'client_id'].map((name) => form.get(name))
  const query = new URLSearchParams(sent.target.split('?').slice(1).join('?'))
  if (query.has('client_secret') || query.has('client_assertion')) return undefined
  if (authorizations.length + (secret ? 1 : 0) + (assertion ? 1 : 0) > 1) return undefined
  const [id, way] = authorizations.length === 1
    ? [basicClient(authorizations[0]!), 'basic' as const]
    : secret
      ? [secret === SECRET ? named : undefined, 'post' as const]
      : assertion
        ? [type === JWT_BEARER ? knowledge.assertions.get(assertion) : undefined, CLIENTS[knowledge.assertions.get(assertion) ?? '']?.way[0]]
        : [valuesOf(sent, 'client-cert').join() === CERTIFICATE_FIELD ? named : undefined, 'certificate' as const]
  if (!id || way === undefined || !Object.hasOwn(CLIENTS, id) || !CLIENTS[id]!.way.includes(way)) return undefined
  return named && named !== id ? undefined : id
}

function basicClient (field: string): string | undefined {
  const [, base64 = ''] = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(field) ?? []
  const [id = '', ...secret] = Buffer.from(base64, 'base64').toString().split(':')
  const [clientId, clientSecret] = [id, secret.join(':')].map((part) => new URLSearchParams(`x=${part}`).get('x'))
  return clientSecret === SECRET ? clientId! : undefined
}

/** What a token request must be granted at most. Undefined: nothing. */
export function grantOf (sent: Sent, knowledge: Knowledge): Grant | undefined {
  const form = withoutQuery(sent.target) === '/oauth2/token' ? formOf(sent) : undefined
  const client = form && clientOf(sent, form, knowledge)
  if (form === undefined || client === undefined || form.get('grant_type') !== 'client_credentials') return undefined
  const { scopes: has, audiences } = CLIENTS[client]!
  const scopes = form.get('scope') ? form.get('scope')!.split(' ') : has
  if (!scopes.every((scope) => has.includes(scope))) return undefined
  if (!form.getAll('resource').every((name) => name === '' || ([ISSUER, REPORTS].includes(name) && audiences.includes(name)))) return undefined
  const proofs = valuesOf(sent, 'dpop')
  if (proofs.length > 0) return proofs.length === 1 && knowledge.proofs.get(proofs[0]!) === 'POST /oauth2/token' ? { client, scopes, binding: 'proof' } : undefined
  return { client, scopes, binding: valuesOf(sent, 'client-cert').join() === CERTIFICATE_FIELD ? 'certificate' : 'none' }
}

/** Who a request to the introspection or the revocation endpoint comes from. */
export function callerOf (sent: Sent, knowledge: Knowledge): string | undefined {
  const form = formOf(sent)
  return form?.get('token') ? clientOf(sent, form, knowledge) : undefined
}

/** Whose token lets a request to a guarded route in. */
export function accessOf (sent: Sent, knowledge: Knowledge): string | undefined {
  const path = withoutQuery(sent.target)
  const needed = ROUTES[`${sent.method} ${path}`]
  const authorizations = valuesOf(sent, 'authorization')
  const [, scheme = '', token = ''] = /^(bearer|dpop) +(\S+)$/i.exec(authorizations[0] ?? '') ?? []
  const known = knowledge.tokens.get(token)
  if (needed === undefined || authorizations.length !== 1 || known === undefined || known.isRevoked || !needed.every((scope) => known.scopes.includes(scope))) return undefined
  if (new URLSearchParams(sent.target.split('?').slice(1).join('?')).has('access_token')) return undefined
  const proof = valuesOf(sent, 'dpop').join()
  if (known.binding === 'proof') return scheme.toLowerCase() === 'dpop' && knowledge.proofs.get(proof) === `${sent.method} ${path} ${token}` ? known.client : undefined
  if (scheme.toLowerCase() !== 'bearer') return undefined
  return known.binding === 'certificate' && valuesOf(sent, 'client-cert').join() !== CERTIFICATE_FIELD ? undefined : known.client
}
