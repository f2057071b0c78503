import { FlowConfigurationError } from '../../errors/configuration-error.ts'
import { ask, runScript } from './connection.ts'
import type { RedisClient } from './connection.ts'
import { EVICTION_POLICY } from './scripts.ts'

const KEEPS_ALL = 'noeviction'

/**
 * Checks that no node evicts keys.
 *
 * @param keys keys that may be on different nodes of a Cluster
 * @returns a warning if a node does not report its policy
 * @throws FlowConfigurationError FST_OAUTH_REDIS_EVICTS
 * @throws StoreUnavailableError
 */
export async function checkEviction (client: RedisClient, keys: readonly string[]): Promise<readonly string[]> {
  const policies = await Promise.all(keys.map((key) => ask(client, (connected) => runScript(connected, EVICTION_POLICY, [key], []))))
  const evicting = policies.map(String).find((policy) => policy !== '' && policy !== KEEPS_ALL)
  if (evicting !== undefined) throw new FlowConfigurationError('FST_OAUTH_REDIS_EVICTS', `its policy is ${evicting}`)
  if (!policies.some((policy) => String(policy) === '')) return []
  return [
    'Redis does not say whether it evicts keys, since its user is not allowed to run INFO or INFO lacks maxmemory_policy. If it does, revoked ' +
    'tokens and used proofs are accepted again. Set maxmemory-policy to noeviction, and run: ACL SETUSER <user> +info'
  ]
}
