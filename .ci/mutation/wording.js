// What Stryker leaves alone: texts of three words or more, which are for people. Codes, names of claims, header fields and
// parameters, and statements for a database stay in.
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin'

const STATEMENT = /\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|WHERE|VALUES|BEGIN|PRAGMA|redis)\b/

function textOf (path) {
  if (path.isStringLiteral()) return path.node.value
  return path.isTemplateLiteral() ? path.node.quasis.map(({ value }) => value.cooked).join('x') : ''
}

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'wording', {
    shouldIgnore (path) {
      const text = textOf(path)
      return text.split(' ').length > 2 && !STATEMENT.test(text) ? 'The wording of a text is no behaviour' : undefined
    }
  })
]
