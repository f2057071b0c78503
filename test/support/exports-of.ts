// The names that a module exports, types included, as its source says: re-exports by star are followed.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

export type Kind = 'value' | 'type'

/** @param file a path. @returns the names, with what each of them is */
export function exportsOf (file: string): Map<string, Kind> {
  const { statements } = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2023)
  return new Map(statements.flatMap((statement) => exportsOfStatement(statement, file)))
}

function exportsOfStatement (statement: ts.Statement, file: string): Array<[string, Kind]> {
  if (ts.isExportAssignment(statement)) return [['default', 'value']]
  if (ts.isExportDeclaration(statement)) return reExports(statement, file)
  if (!ts.canHaveModifiers(statement) || !ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return []
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => [(name as ts.Identifier).text, 'value'])
  const { name } = statement as ts.DeclarationStatement
  return [[(name as ts.Identifier).text, ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement) ? 'type' : 'value']]
}

function reExports ({ isTypeOnly, exportClause, moduleSpecifier }: ts.ExportDeclaration, file: string): Array<[string, Kind]> {
  const from = join(dirname(file), (moduleSpecifier as ts.StringLiteral).text)
  if (exportClause === undefined) {
    const all = [...exportsOf(from)].filter(([name]) => name !== 'default')
    return isTypeOnly ? all.map(([name]) => [name, 'type']) : all
  }
  return (exportClause as ts.NamedExports).elements.map((element) => [element.name.text, isTypeOnly || element.isTypeOnly ? 'type' : 'value'])
}
