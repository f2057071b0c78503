import { readdirSync, readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)

/** The README and the pages that are written by hand: what stands in them is for readers to copy. */
export const PAGES: readonly string[] = ['README.md', ...readdirSync(new URL('example', root)).filter((name) => name.endsWith('.md')).map((name) => `example/${name}`), 'src/client/README.md']

/** With those that are made from the code: they hold declarations, and what tests prove. */
export const ALL_PAGES: readonly string[] = [...PAGES, 'src/cli/README.md', 'test/README.md']

/** The text of a page. */
export function pageText (page: string): string {
  return readFileSync(new URL(page, root), 'utf8')
}

/** The code blocks of a page in a language, in their order. */
export function pageBlocks (page: string, language: string): string[] {
  return [...pageText(page).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code = '']) => code)
}

/** The TypeScript blocks of a page, in their order. The first two of README.md are the quick start and its caller. */
export function pageSnippets (page: string): string[] {
  return pageBlocks(page, 'ts')
}

/** The code before and after a difference that a page shows. */
export function sidesOf (diff: string): { before: string, after: string } {
  const side = (other: string) => diff.split('\n').filter((line) => line !== '' && !line.startsWith(other)).map((line) => `${line.slice(1)}\n`).join('')
  return { before: side('+'), after: side('-') }
}

/** The first column of the table that follows a heading, which one page has, without its backticks. */
export function pageTable (heading: string): string[] {
  const sections = PAGES.flatMap((page) => pageText(page).split(new RegExp(`^#+ ${heading}$`, 'm')).slice(1))
  if (sections.length !== 1) throw new Error(`${sections.length} pages have a heading "${heading}"`)
  return [...sections[0]!.split(/^#/m)[0]!.matchAll(/^\| `([^`]+)` \|/gm)].map(([, cell = '']) => cell)
}

/** The links of a page to files of this repository, and to headings of its own. */
export function linksOf (page: string): string[] {
  return [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link).filter((link) => !/^[a-z]+:/.test(link))
}

/** The anchors that GitHub and npm give to the headings of a page. A heading that is there before gets a number. */
export function anchorsOf (page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutCode(page).matchAll(/^#+ (.*)$/gm)) {
    const slug = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-')
    let anchor = slug
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

function withoutCode (page: string): string {
  return pageText(page).replace(/^```.*?^```$/gms, '')
}
