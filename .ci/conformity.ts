// Which test proves which section of which standard: read from the titles of the tests, which begin with it, as in
// "RFC 6749 §2.3: two mechanisms in one request are refused".
import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

interface Line { standard: string, section: string, what: string, file: string }

const tests = new URL('../test/', import.meta.url)
const STANDARD = /^(RFC \d+|FAPI 2\.0)(?= §| appendix )/
const SECTION = /^(?:§[\d.]+|appendix [A-Z])(?: \(\d+\)(?:, \(\d+\))*)?/

const HEAD = `# Conformity

[README](../README.md)

What the tests prove, by standard and section. Made by \`npm run docs\` from the titles of the tests: \`...\` stands for what a title is filled in with, in a test that runs several times. A title without a section is of behaviour that no standard asks for, and is not here.
`

const NAMES: Readonly<Record<string, string>> = {
  'FAPI 2.0': '[FAPI 2.0 Security Profile](https://openid.net/specs/fapi-security-profile-2_0-final.html)'
}

/** The page test/README.md. */
export function conformityPage (): string {
  const lines = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts')).sort().flatMap(linesOf)
  const standards = [...new Set(lines.map(({ standard }) => standard))].sort(compare)
  return [HEAD, ...standards.map((standard) => tableOf(standard, lines.filter((line) => line.standard === standard)))].join('\n')
}

function tableOf (standard: string, lines: readonly Line[]): string {
  const rows = lines.toSorted((a, b) => compare(a.section, b.section))
    .map(({ section, what, file }) => `| ${section} | ${what.replaceAll('|', '\\|')} | [${file}](${file}) |`)
  const name = NAMES[standard] ?? `[${standard}](https://www.rfc-editor.org/rfc/${standard.toLowerCase().replace(' ', '')})`
  return `## ${standard}\n\n${name}\n\n| section | what | test |\n| --- | --- | --- |\n${[...new Set(rows)].join('\n')}\n`
}

function linesOf (file: string): Line[] {
  const lines: Line[] = []
  const source = ts.createSourceFile(file, readFileSync(new URL(file, tests), 'utf8'), ts.ScriptTarget.Latest, true)
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /test\w*$/i.test(node.expression.getText())) {
      for (const title of titlesOf(node.arguments[0])) if (STANDARD.test(title)) lines.push(...readTitle(title).map((line) => ({ ...line, file })))
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return lines
}

// A test in a loop over a table has as many titles as the table has rows.
function titlesOf (node: ts.Node | undefined): string[] {
  if (node === undefined || !(ts.isStringLiteralLike(node) || ts.isTemplateExpression(node))) return []
  if (ts.isStringLiteralLike(node)) return [node.text]
  const loop = ts.findAncestor(node, ts.isForOfStatement)
  const rows: ReadonlyArray<ReadonlyMap<string, string>> = loop === undefined ? [new Map()] : rowsOf(loop)
  return rows.map((row) => node.head.text + node.templateSpans.map(({ expression, literal }) => `${row.get(expression.getText()) ?? '...'}${literal.text}`).join(''))
}

/** What each row of a table of constants calls the names that a loop has for its columns. One row that knows nothing for any other. */
function rowsOf ({ initializer, expression }: ts.ForOfStatement): Array<ReadonlyMap<string, string>> {
  const name = ts.isVariableDeclarationList(initializer) ? initializer.declarations[0]?.name : undefined
  const columns = name !== undefined && ts.isArrayBindingPattern(name) ? name.elements.map((element) => element.getText()) : []
  const rows = cellsOf(expression).map((cells) => new Map(columns.flatMap((column, index) => {
    const text = textOf(cells[index])
    return text === undefined ? [] : [[column, text] as const]
  })))
  return rows.length > 0 ? rows : [new Map()]
}

function cellsOf (table: ts.Expression): Array<readonly ts.Node[]> {
  if (ts.isCallExpression(table) && table.expression.getText() === 'Object.entries') {
    const object = literalOf(table.arguments[0]!)
    return ts.isObjectLiteralExpression(object) ? object.properties.map(({ name }) => name === undefined ? [] : [name]) : []
  }
  const list = literalOf(table)
  return ts.isArrayLiteralExpression(list) ? list.elements.map((row) => ts.isArrayLiteralExpression(row) ? row.elements : []) : []
}

// Constants stand at the top of a file.
function literalOf (node: ts.Expression): ts.Expression {
  if (ts.isAsExpression(node) || ts.isSatisfiesExpression(node)) return literalOf(node.expression)
  if (!ts.isIdentifier(node)) return node
  const declarations = node.getSourceFile().statements.filter(ts.isVariableStatement).flatMap(({ declarationList }) => declarationList.declarations)
  const value = declarations.find(({ name }) => name.getText() === node.text)?.initializer
  return value === undefined ? node : literalOf(value)
}

function textOf (node: ts.Node | undefined): string | undefined {
  if (node === undefined) return undefined
  if (ts.isStringLiteralLike(node) || ts.isIdentifier(node)) return node.text
  return ts.isTemplateExpression(node) ? node.head.text + node.templateSpans.map(({ literal }) => `...${literal.text}`).join('') : undefined
}

/** @throws for a title that names a standard and goes on unlike the others: it would be left out in silence */
function readTitle (title: string): Array<Omit<Line, 'file'>> {
  const [, head = '', what = ''] = /^(.*?): (.*)$/s.exec(title) ?? []
  let standard = ''
  const sections = head.split(/, (?!\()/).map((part) => {
    standard = STANDARD.exec(part)?.[1] ?? standard
    const section = part.replace(STANDARD, '').trim()
    if (SECTION.exec(section)?.[0] !== section) throw new Error(`This title names no section in the form of the others: ${title}`)
    return { standard, section, what }
  })
  if (what === '') throw new Error(`This title does not say what is tested: ${title}`)
  return sections
}

// By number, so that §10 stands behind §9.
function compare (a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
