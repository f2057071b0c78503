// Very many revocations at once, which no process may read in one turn of its event loop.
import type { Random } from './random.ts'
import type { RunContext } from './run-context.ts'
import { EPOCH } from './world.ts'

export function revokeMany (run: RunContext, random: Random): void {
  const database = run.config.tokens === 'jwt' ? run.second : run.main
  const expiresAt = Math.floor((EPOCH + run.world.now) / 1000) + 3600
  const count = random.integer(1001, 2500)
  run.world.after(0, undefined, async () => { await write(0) })
  async function write (number: number): Promise<void> {
    if (number === count) return
    await database.write(database.primary, 'addRevocation', [{ kind: 'token', id: `unknown ${number}`, expiresAt }])
    await write(number + 1)
  }
}
