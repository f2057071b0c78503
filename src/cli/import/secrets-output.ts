import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { CommandError, messageOf } from '../errors.ts'
import type { Io } from '../io.ts'
import { print } from '../output.ts'

/** The secret of a client. null invalidates an earlier line, if another process has added the client meanwhile. */
export interface ClientSecretLine {
  id: string
  secret: string | null
}

/** The output for generated secrets, which cannot be displayed again. */
export interface SecretsOutput {
  /** Writes secrets, and resolves once they are persisted. Of several lines for a client, the last one applies. */
  append (secrets: readonly ClientSecretLine[]): Promise<void>
  close (): Promise<void>
}

/**
 * Opens a file for secrets that only its owner may read. Keeps its existing content.
 *
 * @throws CommandError if it cannot be written
 */
export async function openSecretsFile (path: string): Promise<SecretsOutput> {
  const file = await open(path, 'a+', 0o600).catch((error: unknown) => { throw new CommandError(messageOf(error)) })
  const { size } = await guard(file, path)
  // A run that was killed may have left half a line.
  let isBroken = size > 0 && (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0] !== 0x0a
  return {
    append: async (secrets) => {
      await file.appendFile(`${isBroken ? '\n' : ''}${toLines(secrets)}\n`)
      isBroken = false
      await file.sync()
    },
    close: async () => { await file.close() }
  }
}

/** Returns the standard output as the output for secrets. Does NOT guarantee that its reader persists them. */
export function secretsToStdout (io: Io): SecretsOutput {
  return {
    append: async (secrets) => await print(io, toLines(secrets)).catch(() => {
      throw new CommandError('Nobody reads the secrets, since the standard output is closed. Write them to a file: --output FILE')
    }),
    close: async () => {}
  }
}

// The beginning of each line.
const BEGINNING = '{"client_id":'

async function guard (file: FileHandle, path: string): Promise<{ size: number }> {
  try {
    const status = await file.stat()
    if (!status.isFile()) throw new CommandError('Secrets can be kept in a file only. Without --output they go to the standard output')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGINNING.length), 0, BEGINNING.length, 0)
    // Do not append to another kind of file, such as the imported file or the store.
    if (!BEGINNING.startsWith(buffer.toString('latin1', 0, bytesRead))) throw new CommandError(`${path} holds something other than secrets. Name another file`)
    // An existing file may be readable by others.
    await file.chmod(0o600)
    return status
  } catch (error) {
    await file.close()
    throw error
  }
}

function toLines (secrets: readonly ClientSecretLine[]): string {
  return secrets.map(({ id, secret }) => JSON.stringify({ client_id: id, client_secret: secret })).join('\n')
}
