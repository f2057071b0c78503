import type { Command } from '../command.ts'
import { AUDIT_COMMAND } from './audit.ts'
import { CLIENT_IMPORT_COMMAND } from './client-import.ts'
import { CLIENT_STATE_COMMANDS } from './client-state.ts'
import { CLIENT_COMMANDS } from './client.ts'
import { KEY_COMMANDS } from './keys.ts'
import { MIGRATE_COMMAND } from './migrate.ts'
import { SETTINGS_COMMANDS } from './settings.ts'
import { REVOKE_ALL_COMMAND } from './tokens.ts'

/** All commands, in the order in which `--help` shows them. */
export const COMMANDS: readonly Command[] = [
  ...CLIENT_COMMANDS, ...CLIENT_STATE_COMMANDS, CLIENT_IMPORT_COMMAND, REVOKE_ALL_COMMAND, ...KEY_COMMANDS, ...SETTINGS_COMMANDS, AUDIT_COMMAND, MIGRATE_COMMAND
]
