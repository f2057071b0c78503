// The Markdown pages that are generated from the code: part of npm run docs. With --check nothing is written: it fails when one is stale.
import { readFileSync, writeFileSync } from 'node:fs'
import { commandPage } from './command-page.ts'
import { conformityPage } from './conformity.ts'

const root = new URL('../', import.meta.url)
const isCheck = process.argv.includes('--check')
const pages: Record<string, string> = { 'test/README.md': conformityPage(), 'src/cli/README.md': commandPage() }

for (const [name, text] of Object.entries(pages)) {
  const file = new URL(name, root)
  if (!isCheck) writeFileSync(file, text)
  else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${name} is stale. Run: npm run docs`)
    process.exitCode = 1
  }
}
