import { ClientCredentialsFlow } from '../src/index.ts'
import { FST_OAUTH_CALLBACK_MISSING, FST_OAUTH_FLOW_REQUIRED } from './errors.ts'

/** The options of the plugin. */
export interface ClientCredentialsPluginOptions {
  /** The flow whose token endpoint is served and whose tokens guard the routes. Required. */
  flow: ClientCredentialsFlow
  /** A path in front of the token endpoint. Default none. */
  prefix?: string
  /** Takes JSON objects as token requests beside forms, which no RFC knows. Default false. */
  acceptJson?: boolean
}

/** The plugin's options, checked and complete. */
export interface ResolvedOptions {
  readonly flow: ClientCredentialsFlow
  readonly prefix: string
  readonly acceptJson: boolean
  /** The path of the token route below the prefix; undefined when another server issues the tokens. */
  readonly tokenPath: string | undefined
}

/**
 * Checks the options of the plugin. Does not change them.
 *
 * @throws FST_OAUTH_FLOW_REQUIRED, FST_OAUTH_CALLBACK_MISSING
 */
export function resolveOptions (options: Partial<ClientCredentialsPluginOptions>): ResolvedOptions {
  const { flow, prefix = '', acceptJson = false } = options
  if (!(flow instanceof ClientCredentialsFlow)) throw new FST_OAUTH_FLOW_REQUIRED()

  const tokenPath = flow.getTokenEndpoint().startsWith('/') ? flow.getTokenEndpoint().split('?', 1)[0] : undefined
  if (tokenPath !== undefined) {
    for (const name of ['getClient', 'generateAccessToken'] as const) refuseMissing(flow, name, 'its token endpoint would refuse every request')
  }
  return { flow, prefix, acceptJson, tokenPath }
}

/** Refuses a flow on which a callback was never set, so that it could only deny. */
export function refuseMissing (flow: ClientCredentialsFlow, name: 'getClient' | 'generateAccessToken' | 'verifyToken', consequence: string): void {
  if (flow.settings.missingCallbacks.includes(name)) throw new FST_OAUTH_CALLBACK_MISSING(name, consequence, name)
}
