// What a restored backup brings back.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeProtectedHeader } from 'jose'
import type { Test } from 'tap'
import { give, revokeToken } from '../failover/http.ts'
import { now } from '../failover/time.ts'
import type { Deployment, Place } from './deployment.ts'
import { runbookOf } from './page.ts'
import type { CommandResult } from './page.ts'
import { rejects, runIn } from './steps.ts'

/** A backup, and what is revoked after it. */
export class Restore {
  readonly run: (commands: string) => Promise<CommandResult>
  readonly variables: Record<string, string>
  /** A client that was disabled after the backup. */
  readonly clientId: string
  /** What was revoked after the backup. */
  readonly revoked: readonly Place[]
  /** Tokens of before the backup that were not revoked. */
  readonly valid: readonly Place[]
  readonly #folder: string

  private constructor (parts: Pick<Restore, 'run' | 'variables' | 'clientId' | 'revoked' | 'valid'>, folder: string) {
    this.run = parts.run
    this.variables = parts.variables
    this.clientId = parts.clientId
    this.revoked = parts.revoked
    this.valid = parts.valid
    this.#folder = folder
  }

  static async prepare (t: Test, deployment: Deployment): Promise<Restore> {
    const { world } = deployment
    const folder = await mkdtemp(join(tmpdir(), 'fastify-client-credentials-'))
    const id = `restored-${now().toFixed(0)}`
    const [disabled, other] = [await deployment.addClient(id), await deployment.addClient(`${id}-other`)]
    const [tokens, oldKey, ofOther] = [await deployment.tokensOf(disabled), await deployment.tokensOf(other), await deployment.tokensOf(other)]
    const kid = decodeProtectedHeader(oldKey.jwt).kid!
    const variables = { ...deployment.variables, CLIENT_ID: id, KID: kid, BACKUP: join(folder, 'backup') }
    const run = runIn(t, deployment, variables)
    await run(runbookOf('restored backup')[0]!)

    const [port, opaquePort] = world.servers[0].plan.ports
    t.equal((await revokeToken(opaquePort, other.id, other.secret, oldKey.opaque)).status, 200)
    t.equal((await give(port, { order: 'disable', id })).outcome?.isDone, true)
    t.equal((await give(port, { order: 'revoke key', id: kid })).outcome?.isDone, true)
    const revoked = [...deployment.placesOf(tokens), ...deployment.placesOf(oldKey), ...deployment.secretPlacesOf(disabled)]
    await rejects(t, deployment, { places: revoked, work: async () => {} })
    return new Restore({ run, variables, clientId: id, revoked, valid: deployment.placesOf(ofOther).filter(({ name }) => name.startsWith('opaque')) }, folder)
  }

  async finish (): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}
