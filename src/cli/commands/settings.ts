import type { StoredSettings } from '../../stores/contracts/index.ts'
import type { Command, CommandStore, Invocation } from '../command.ts'
import { CommandError, UsageError } from '../errors.ts'
import { originOf } from '../origin.ts'
import { alignColumns, note, print } from '../output.ts'
import { cancel, finish, retireStore, setPending } from './settings-changes.ts'
import type { SettingsChange } from './settings-changes.ts'
import { readSettings, SETTING_NAMES } from './settings-values.ts'

// An attempt fails if a server starts, or another command runs, at the same time.
const MAX_ATTEMPTS = 100

/** The commands for the settings that all processes on a store must agree on. */
export const SETTINGS_COMMANDS: readonly Command[] = [
  {
    name: 'settings show',
    operands: [],
    summary: 'Shows the settings that all servers on the store have agreed on',
    details: ['A server registers its settings when it starts. One whose settings are neither the agreed nor the pending ones does not start.'],
    options: {},
    examples: ['settings show', 'settings show --json | jq .pending'],
    run: async (invocation) => await invocation.withStore(async (store) => { await show(invocation, await store.readSettings()) })
  },
  {
    name: 'settings change',
    operands: ['[NAME=VALUE...]'],
    summary: 'Changes agreed settings, in two steps: pending first, then --finish',
    details: [
      `Names: ${SETTING_NAMES.join(', ')}. Durations are 90, 15m, 12h or 30d.`,
      '1. settings change NAME=VALUE: the value is pending. Servers with the agreed and with the pending value work side by side, and the safer of both counts: the longer lifetime, both algorithms. Restart every server with the new value.',
      '2. settings change --finish: the pending values are the agreed ones. A server with the old value does not start any more. --cancel drops the pending values instead.',
      '--finish also ends an upgrade from release 0.1.0. Run it once no process of 0.1.0 runs: such a process accepts tokens that are revoked after it.',
      'While the store of revocations is changed (jwt.revocations, opaque.revocations), a single token that is revoked is rejected by the servers on the same store of revocations only. Restart all servers within a short time.'
    ],
    options: {
      finish: { type: 'boolean', description: 'makes the pending values the agreed ones, and ends an upgrade from 0.1.0' },
      cancel: { type: 'boolean', description: 'drops the pending values' }
    },
    examples: ['settings change keys.algorithm=RS256', 'settings change keys.maxTokenLifetime=12h jwt.clockTolerance=10s', 'settings change --finish'],
    run: changeSettings
  },
  {
    name: 'settings retire-store',
    operands: ['ID'],
    summary: 'Removes a store of revocations from those that servers have registered',
    details: ['For a store that no server uses any more. A server that uses it registers it again when it starts.'],
    options: {},
    examples: ['settings show', 'settings retire-store 5f0c9a52-3c1b-4f0e-9d0a-0a4b3f1c2d3e'],
    run: async (invocation) => {
      const [id = ''] = invocation.operands
      await invocation.withStore(async (store) => {
        await change(invocation, store, (stored) => retireStore(stored, id))
        note(invocation.io, `The store ${id} is retired`)
      })
    }
  }
]

async function changeSettings (invocation: Invocation): Promise<void> {
  const { io, operands, values: { finish: isFinish, cancel: isCancel } } = invocation
  const words = operands.filter((word) => word !== undefined)
  if ([words.length > 0, isFinish, isCancel].filter(Boolean).length !== 1) throw new UsageError('One of these is needed, and not several: NAME=VALUE, --finish or --cancel')
  const values = readSettings(words)
  await invocation.withStore(async (store) => {
    const [work, done, nothing] = isFinish
      ? [finish, 'The settings are agreed on', 'There is nothing to finish']
      : isCancel
        ? [cancel, 'The pending settings are dropped', 'No setting is pending']
        : [(stored: StoredSettings) => setPending(stored, values), 'The settings are pending. Restart every server with them, then: settings change --finish', 'The settings are agreed on, or pending, already']
    const changed = await change(invocation, store, work)
    note(io, changed === undefined ? nothing : done)
    if (isFinish && changed?.details?.['upgrade'] === true) note(io, 'The upgrade from release 0.1.0 is finished: commands revoke tokens for processes of this release only')
  })
}

async function change (
  { io, ...rest }: Invocation, store: CommandStore, work: (stored: StoredSettings) => SettingsChange | undefined
): Promise<SettingsChange['record'] | undefined> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const changed = work(await store.readSettings())
    if (changed === undefined) return undefined
    const { settings, record } = changed
    if (await store.replaceSettings(settings, { time: io.now(), ...originOf({ io, ...rest }), object: 'settings', ...record })) return record
  }
  throw new CommandError('The settings could not be changed, since others change them all the time. Run the same command again')
}

async function show ({ io, isJson }: Invocation, settings: StoredSettings): Promise<void> {
  if (isJson) return await print(io, JSON.stringify(settings))
  const { agreed, pending = {}, storeId, revocationStores, longestTokenLifetime, largestClockTolerance, isUpgrading } = settings
  const rows = Object.keys(agreed).sort().map((name) => [name, String(agreed[name]), Object.hasOwn(pending, name) ? String(pending[name]) : ''])
  await print(io, [
    rows.length > 0 ? alignColumns([['NAME', 'AGREED', 'PENDING'], ...rows]) : 'No server has registered its settings yet',
    alignColumns([
      ['store', storeId],
      ['stores of revocations', revocationStores.join(' ') || 'none'],
      ['longest token lifetime', `${longestTokenLifetime} s`],
      ['largest clock tolerance', `${largestClockTolerance} s`],
      ['upgrade from 0.1.0', isUpgrading ? 'not finished: settings change --finish' : 'finished']
    ])
  ].join('\n\n'))
}
