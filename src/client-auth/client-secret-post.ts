import { parameter } from '../http/form.ts'
import type { TokenRequest } from '../http/plain-request.ts'
import type { SecretClientAuthMethod } from './client-auth-method.ts'
import { claimsNoClient, presentSecret } from './presented-secret.ts'

/** The method client_secret_post: id and secret in the form body (RFC 6749 §2.3.1). Never reads them from the URL. */
export const clientSecretPost: SecretClientAuthMethod = Object.freeze({
  name: 'client_secret_post',
  mechanism: 'client_secret',
  carries: ({ form }: TokenRequest) => parameter(form, 'client_secret') !== undefined,
  claimedClientId: claimsNoClient,
  authenticate ({ form }: TokenRequest) {
    const clientSecret = parameter(form, 'client_secret')
    return clientSecret === undefined ? undefined : presentSecret(parameter(form, 'client_id') ?? '', clientSecret)
  }
})
