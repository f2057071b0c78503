import type { Command } from '../command.ts'
import { print } from '../output.ts'

export const MIGRATE_COMMAND: Command = {
  name: 'migrate',
  operands: [],
  summary: 'Creates the tables, or migrates them to the newest version',
  details: ['A SQLite file that does not exist is created. It is safe to run it again: tables of the newest version stay as they are.'],
  options: {},
  examples: ['migrate --store sqlite:./auth.db', 'OAUTH_STORE=postgres://app@db.internal/auth fastify-client-credentials migrate'],
  run: async ({ io, isJson, withStore }) => await withStore(async (store) => {
    const { from, to } = await store.migrate()
    const text = from === to ? `The tables are at version ${to} already` : `The tables are at version ${to}, and were at ${from}`
    await print(io, isJson ? JSON.stringify({ from, to }) : text)
  }, { mayCreate: true })
}
