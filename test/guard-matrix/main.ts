// `main.ts REPLACEMENT [full]`: replaces the global Promise before anything is loaded, then tries the guards. The report goes to stdout.
import { REPLACEMENTS } from './promises.ts'

const [replacement = 'none', size] = process.argv.slice(2)
await REPLACEMENTS[replacement]!()
const { runMatrix } = await import('./cells.ts')
console.log(JSON.stringify(await runMatrix(size === 'full')))
