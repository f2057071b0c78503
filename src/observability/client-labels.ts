import { required, wholeNumber } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'

/** The label of every client beyond the maximum. */
const OTHER = 'other'

/** Options of the label "client". */
export interface ClientLabelOptions {
  /** The maximum number of clients with a label of their own. Later ones share the label "other". */
  max: number
}

/** The option clientLabel of prometheusMetrics. */
export const CLIENT_LABEL: OptionsDescription<ClientLabelOptions> = { of: 'prometheusMetrics', options: { max: required(wholeNumber(0)) } }

/**
 * Creates the labels of clients: at most `max`, plus "other".
 *
 * @returns undefined if the label is disabled
 */
export function clientLabels (option: false | ClientLabelOptions): ((clientId: string | undefined) => { client: string }) | undefined {
  if (option === false) return undefined
  const known = new Set<string>()
  return (clientId) => {
    // The client_id of an unauthenticated caller is not used.
    if (clientId === undefined) return { client: '' }
    if (known.size < option.max) known.add(clientId)
    return { client: known.has(clientId) ? clientId : OTHER }
  }
}
