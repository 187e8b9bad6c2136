/** The line under the timeline of a terminal: what is now, and which keys there are. */

import type { State, Status } from 'holdfast'
import type { Colours } from '../colour.ts'
import { milliseconds, seconds } from '../terminal/duration.ts'
import type { Pulse } from './event.ts'
import type { Key } from './key.ts'

export interface StatusLine {
  readonly clients: readonly (Pulse & { readonly status: Status | undefined })[]
  /** The last round trips and outages, oldest first. */
  readonly strip: string
  readonly keys: readonly Key[]
  /** Epoch milliseconds. */
  readonly wall: number
}

/** The parts of the line, the most important first. */
export function renderStatus({ clients, strip, keys, wall }: StatusLine, colours: Colours): string[] {
  const [first] = clients
  const keyText = keys.map(({ key, label }) => `${colours.bold(key)} ${colours.dim(label)}`).join('  ')
  if (clients.length === 1 && first?.status) return [stateText(first.status, wall, colours), keyText, ...linkTexts(first)]
  const missing = clients.filter((each) => each.missing > 0)
  return [
    ...clients.map(({ client, state }) => `${signOf(state, colours)} ${client}`),
    keyText,
    ...(strip === '' ? [] : [strip]),
    ...missing.map((each) => `${each.client} misses ${each.missing}`),
  ]
}

function linkTexts({ rttMs, received }: Pulse): string[] {
  return [...(rttMs === null ? [] : [`ping ${milliseconds(rttMs)}`]), `${received} received`]
}

function signOf(state: State, colours: Colours): string {
  if (state === 'open') return colours.green('●')
  return state === 'suspended' ? colours.red('■') : colours.yellow('○')
}

const stateWidth = 18

function stateText({ state, attempt, retryAt }: Status, wall: number, colours: Colours): string {
  switch (state) {
    case 'open':
      return colours.green('● open'.padEnd(stateWidth))
    case 'waiting':
      return colours.yellow(`○ retry ${attempt} in ${seconds(Math.max(0, (retryAt ?? wall) - wall))}`.padEnd(stateWidth))
    case 'suspended':
      return colours.red('■ gave up'.padEnd(stateWidth))
    case 'idle':
    case 'connecting':
    case 'closing':
    case 'closed':
      return colours.yellow(`◌ ${state}`.padEnd(stateWidth))
  }
}
