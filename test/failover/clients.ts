import { REVOCATION_KINDS } from './ledger.ts'
import type { Revocation } from './ledger.ts'
import type { World } from './world.ts'

export interface Secret { readonly id: string, readonly secret: string }

/** A client of the load. */
export interface LoadClient {
  readonly id: string
  /** The secrets that are valid. */
  secrets: Secret[]
  /** Whether its state is being changed. */
  isBusy: boolean
  isEnabled: boolean
  /** The revocation that denies it tokens, to be ended by enabling or adding it. */
  deniedBy: Revocation | undefined
  /** Whether it was changed when the standby no longer got anything. */
  isTouched: boolean
}

const STEADY = 6
const CHANGING = 24

/** The clients of the load: some whose state is never changed, and some whose state is changed all the time. */
export class LoadClients {
  readonly steady: readonly LoadClient[]
  readonly changing: readonly LoadClient[]

  private constructor (steady: readonly LoadClient[], changing: readonly LoadClient[]) {
    this.steady = steady
    this.changing = changing
  }

  static async add (world: World): Promise<LoadClients> {
    const add = async (id: string): Promise<LoadClient> => {
      const { secret, secretId } = await world.administer({ order: 'add', id })
      return { id, secrets: [{ id: secretId!, secret: secret! }], isBusy: false, isEnabled: true, deniedBy: undefined, isTouched: false }
    }
    const addAll = async (name: string, count: number) => await Promise.all(Array.from({ length: count }, (_, index) => add(`${name}-${index}`)))
    return new LoadClients(await addAll('steady', STEADY), await addAll('changing', CHANGING))
  }

  /** One that may get tokens. */
  pick (): LoadClient {
    const clients = [...this.steady, ...this.changing.filter(({ isEnabled, isBusy }) => isEnabled && !isBusy)]
    return randomOf(clients)!
  }

  /** One whose state is never changed. */
  pickSteady (): LoadClient {
    return randomOf(this.steady)!
  }

  /** The steady client of a name. */
  steadyOf (id: string): LoadClient | undefined {
    return this.steady.find((client) => client.id === id)
  }

  /** One whose state is to be changed. */
  pickChanging (condition: (client: LoadClient) => boolean = () => true): LoadClient | undefined {
    return randomOf(this.changing.filter((client) => !client.isBusy && condition(client)))
  }
}

export function randomOf<T> (list: readonly T[]): T | undefined {
  return list[Math.floor(Math.random() * list.length)]
}

/** How often each kind of revocation is made. Keys and all tokens are revoked once in a while, by order. */
const WEIGHTS: Readonly<Record<typeof REVOCATION_KINDS[number], number>> = {
  token: 30, 'opaque token': 15, 'tokens of a client': 20, 'client disabled': 15, 'client removed': 8, secret: 12, key: 0, 'all tokens': 0
}

export function pickKind (): typeof REVOCATION_KINDS[number] {
  let rest = Math.random() * Object.values(WEIGHTS).reduce((sum, weight) => sum + weight, 0)
  return REVOCATION_KINDS.find((kind) => (rest -= WEIGHTS[kind]) < 0) ?? 'token'
}
