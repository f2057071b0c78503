import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { checkNewClient } from '../../adapter.ts'
import type { Command, Invocation } from '../command.ts'
import { noteUnchecked, readDeclared, undeclaredScope } from '../declared.ts'
import type { Declared } from '../declared.ts'
import { CommandError, messageOf, UsageError } from '../errors.ts'
import { addBatch, toBatches } from '../import/batches.ts'
import { Progress } from '../import/progress.ts'
import { COLUMNS, readRows } from '../import/rows.ts'
import type { Format, Row } from '../import/rows.ts'
import { openSecretsFile, secretsToStdout } from '../import/secrets-output.ts'
import { badRow, decode } from '../import/text.ts'
import type { Io } from '../io.ts'
import { originOf } from '../origin.ts'
import { note, print } from '../output.ts'
import { textOf } from '../values.ts'
import { withRegistry } from './with-registry.ts'

/** Adds many clients from a file. After a failure, running it again continues the import. */
export const CLIENT_IMPORT_COMMAND: Command = {
  name: 'client import',
  operands: ['FILE'],
  summary: 'Adds many clients from CSV or JSON lines, "-" for the standard input',
  details: [
    `Columns of the CSV header, or members of each JSON object: ${COLUMNS.join(', ')}. Only client_id is required. The values of a list are separated by spaces.`,
    'Clients that exist are skipped and counted. After a crash, or after you have fixed a row, run the same command again.',
    'Where client_secret is empty, a secret is generated and written to the file of --output, else to the standard output, as JSON lines of client_id and client_secret. It is written before the client is added; of several lines for a client, the last one counts.',
    'Rows are added 200 at a time. An invalid row stops the import before its 200 rows, with its line number.',
    'Imported secrets are hashed slowly, since a human may have chosen them: a thousand of them take about half a minute.'
  ],
  options: {
    format: { type: 'string', placeholder: 'FORMAT', description: 'csv or jsonl (default by the extension of FILE)' },
    output: { type: 'string', placeholder: 'FILE', description: 'the file for generated secrets; only its owner can read it' }
  },
  examples: [
    'client import clients.csv --output secrets.jsonl',
    'zcat clients.jsonl.gz | fastify-client-credentials client import - --format jsonl --output secrets.jsonl'
  ],
  run: importClients
}

async function importClients (invocation: Invocation): Promise<void> {
  const { io, isJson, values, operands: [file = ''] } = invocation
  const format = readFormat(textOf(values, 'format'), file)
  const path = textOf(values, 'output')
  const size = file === '-' ? undefined : await sizeOf(file)
  if (path !== undefined && await isSame(file, path)) throw new UsageError('--output is the file that is imported. Name another file')
  const progress = new Progress(size, io.now, (line) => note(io, line))
  const batches = toBatches(readRows(decode(progress.count(openInput(file, io))), format))
  const count = { rows: 0, added: 0, skipped: 0 }
  const stopped = (error: unknown) => new CommandError(`${count.added} clients were added, then the import stopped. Fix this and run the same command again`, { cause: error })
  // Read the first batch before the store is opened, which may create it.
  const first = await batches.next().catch((error: unknown) => { throw stopped(error) })
  await withRegistry(invocation, async (registry, store) => {
    const secrets = path === undefined ? secretsToStdout(io) : await openSecretsFile(path)
    try {
      const declared = await readDeclared(store)
      registry.learnMethods(declared.methods)
      noteUnchecked(declared, (first.value as Row[] | undefined)?.some(({ client }) => client.scopes !== undefined) === true, io)
      for (let { value: batch } = first; batch !== undefined; { value: batch } = await batches.next()) {
        for (const { line, client } of batch) checkRow(line, client, declared)
        const added = await addBatch(batch, { store, registry, by: originOf(invocation), secrets })
        count.rows += batch.length
        count.added += added
        count.skipped += batch.length - added
        progress.done(batch.length)
      }
    } catch (error) {
      throw stopped(error)
    } finally {
      await secrets.close()
    }
    note(io, `${count.rows} rows: ${count.added} clients added, ${count.skipped} skipped that exist already`)
    // Without a file, the standard output contains only secrets.
    if (isJson && path !== undefined) await print(io, JSON.stringify(count))
  }, { mayCreate: true })
}

function checkRow (line: number, client: Row['client'], declared: Declared): void {
  const problem = undeclaredScope(declared, client) ?? problemOf(() => checkNewClient(client, declared.methods))
  if (problem !== undefined) throw badRow(line, problem)
}

function problemOf (check: () => unknown): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function readFormat (given: string | undefined, file: string): Format {
  const format = given ?? /\.(csv|jsonl|ndjson)$/i.exec(file)?.[1]?.toLowerCase().replace('ndjson', 'jsonl')
  if (format === 'csv' || format === 'jsonl') return format
  throw new UsageError('The format is unknown. Name it: --format csv or --format jsonl')
}

async function sizeOf (file: string): Promise<number | undefined> {
  const status = await stat(file).catch((error: unknown) => { throw new CommandError(messageOf(error)) })
  return status.isFile() ? status.size : undefined
}

async function isSame (...files: [string, string]): Promise<boolean> {
  const [one, other] = await Promise.all(files.map(async (file) => await realpath(file).catch(() => undefined)))
  return one !== undefined && one === other
}

function openInput (file: string, { stdin }: Io): AsyncIterable<Uint8Array> {
  return file === '-' ? stdin : createReadStream(file)
}
