import { readFile } from 'node:fs/promises'
import { isSecureUrl } from '../../lib/secure-url.ts'
import { readUpTo } from '../bounded-response.ts'

/** Environment variables by their names: those of Node.js, or others. */
export type Environment = Readonly<Record<string, string | undefined>>

const KUBERNETES_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token'
// Bytes. Tokens of platforms have a few thousand.
const MAX_TOKEN = 65_536
const TIMEOUT = 10_000

/** Reads the token from a file, before each token request: platforms replace it while the process runs. */
export function fileToken (path: string): () => Promise<string> {
  return async () => (await readFile(path, 'utf8')).trim()
}

/**
 * Reads the token of a Kubernetes service account.
 *
 * @param path of a projected volume with an audience for the authorization server. Default that of the API server of the cluster
 */
export function kubernetesToken (path = KUBERNETES_TOKEN): () => Promise<string> {
  return fileToken(path)
}

/** Reads the ID token of a GitLab job. @param name of the variable, as `id_tokens` of the job has it */
export function gitlabToken (environment: Environment, name: string): () => Promise<string> {
  return async () => variable(environment, name, 'Add it to "id_tokens" of the job.')
}

/** Requests an ID token of GitHub Actions. The job needs `permissions: id-token: write`. @param audience that the authorization server expects */
export function githubActionsToken (environment: Environment, audience: string): () => Promise<string> {
  const fix = 'Add "permissions: id-token: write" to the job.'
  return async () => {
    const url = new URL(variable(environment, 'ACTIONS_ID_TOKEN_REQUEST_URL', fix))
    if (!isSecureUrl(url.href)) throw new Error('ACTIONS_ID_TOKEN_REQUEST_URL is no https URL.')
    url.searchParams.set('audience', audience)
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${variable(environment, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN', fix)}`, accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT)
    })
    if (response.status !== 200 || response.body === null) throw new Error(`GitHub answered with ${response.status}. ${fix}`)
    const { bytes, rest } = await readUpTo(response.body, MAX_TOKEN)
    await rest?.cancel()
    const { value } = JSON.parse(new TextDecoder().decode(bytes)) as { value?: unknown }
    if (typeof value !== 'string') throw new Error('GitHub answered without a token.')
    return value
  }
}

function variable (environment: Environment, name: string, fix: string): string {
  const value = environment[name]
  if (value === undefined || value === '') throw new Error(`The environment variable ${name} is not set. ${fix}`)
  return value
}
