// Changes a store without pause, and tells of each change that is done, until it is killed:
// node --import tsx test/support/dying-process.ts URL RUN
import { writeSync } from 'node:fs'
import { ClientRegistry, SigningKeys } from '../../src/index.ts'
import { openStore } from './open-store.ts'

const [url = '', run = ''] = process.argv.slice(2)
const store = openStore(url)
const registry = new ClientRegistry(store)
const keys = new SigningKeys(store, { sealingKeys: ['0'.repeat(64)] })

// At once, or the parent would not hear of what was done before the end.
const tell = (...words: string[]) => { writeSync(1, `${words.join(' ')}\n`) }

await store.migrate()
await keys.refresh()
tell('ready')
for (let round = 0; ; round++) {
  const id = `client-${run}-${round}`
  const { secret } = await registry.add({ id, scopes: ['read'] })
  tell('added', id, secret!.secret)
  const rotated = await registry.rotateSecret(id, { overlap: 0 })
  tell('rotated', id, rotated!.secret)
  const batch = Array.from({ length: 20 }, (_, index) => ({ id: `batch-${run}-${round}-${index}` }))
  await registry.addAll(batch)
  tell('imported', `batch-${run}-${round}-`)
  const { kid } = await keys.rotate()
  tell('announced', kid)
  await registry.disable(id)
  tell('disabled', id)
}
