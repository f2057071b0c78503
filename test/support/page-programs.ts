import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pageText } from './pages.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Writes the JavaScript programs of a page, each of which begins with its name in a comment, into a folder of this repository: there
 * they import the package by its name, as its users do.
 *
 * @param change what is changed in the text of a program
 * @returns the folder
 */
export function writePrograms (page: string, name: string, change: (text: string) => string = (text) => text): string {
  const folder = join(root, '.tap', name)
  mkdirSync(folder, { recursive: true })
  for (const [, text = '', file = ''] of pageText(page).matchAll(/^```js\n(\/\/ (\S+)\n.*?)^```$/gms)) writeFileSync(join(folder, file), change(text))
  return folder
}
