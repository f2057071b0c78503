import { required, wholeNumber } from '../options/check-options.ts'
import type { OptionsDescription } from '../options/check-options.ts'

/** The label of every client that came when there were enough. */
const OTHER = 'other'

/** Which clients have a series of their own. */
export interface ClientLabelOptions {
  /** How many clients at most. Those that come later are "other". */
  max: number
}

/** The option clientLabel of prometheusMetrics. */
export const CLIENT_LABEL: OptionsDescription<ClientLabelOptions> = { of: 'prometheusMetrics', options: { max: required(wholeNumber(0)) } }

/**
 * Makes labels of clients, of which there are never more than `max` and one.
 *
 * @returns undefined where no label is wanted
 */
export function clientLabels (option: false | ClientLabelOptions): ((clientId: string | undefined) => { client: string }) | undefined {
  if (option === false) return undefined
  const known = new Set<string>()
  return (clientId) => {
    // Who has not authenticated may say anything.
    if (clientId === undefined) return { client: '' }
    if (known.size < option.max) known.add(clientId)
    return { client: known.has(clientId) ? clientId : OTHER }
  }
}
