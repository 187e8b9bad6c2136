/** The line under the timeline of a terminal: what is now, and which keys there are. */

import type { Status } from 'holdfast'
import type { Colours } from '../colour.ts'
import { milliseconds, seconds } from '../terminal/duration.ts'
import type { Pulse } from './event.ts'
import type { Key } from './key.ts'

export interface StatusLine {
  readonly status: Status
  readonly pulse: Pulse
  /** The last round trips and outages, oldest first. */
  readonly strip: string
  readonly keys: readonly Key[]
  /** Epoch milliseconds. */
  readonly wall: number
}

/** The parts of the line, the most important first. */
export function renderStatus({ status, pulse, strip, keys, wall }: StatusLine, colours: Colours): string[] {
  const { echoMs, rttMs, received, missing } = pulse
  return [
    stateText(status, wall, colours),
    keys.map(({ key, label }) => `${colours.bold(key)} ${colours.dim(label)}`).join('  '),
    ...(strip === '' ? [] : [strip]),
    ...(echoMs === null ? [] : [`echo ${milliseconds(echoMs)}`]),
    ...(rttMs === null ? [] : [`ping ${milliseconds(rttMs)}`]),
    `${received} received`,
    ...(missing === 0 ? [] : [`${missing} missing`]),
  ]
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
