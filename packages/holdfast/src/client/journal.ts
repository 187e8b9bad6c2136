/** What a socket writes down: lines for the application's logger, and each change of state for whoever subscribed to the platform. */

import type { ClientMachine } from '../core/client-machine.ts'
import type { ResolvedOptions } from './options.ts'
import { platform } from './platform.ts'
import { guarded } from './report.ts'

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** Whose line it is. */
export interface Writer {
  readonly options: ResolvedOptions
  readonly machine: ClientMachine
  readonly url: string
}

export function writeLine({ options, machine, url }: Writer, level: Level, text: string, more: object): void {
  const { logger, name } = options
  const { dials, giveups } = machine.counters
  guarded(() => logger?.[level]({ name, url: withoutSecrets(url), dials, giveups, ...more }, `holdfast: ${text}`))
}

export function publishChange({ options, machine, url }: Writer, from: string, to: string, at: number): void {
  const { state, lastClose } = machine
  const attempt = 'attempt' in state ? state.attempt : 0
  platform().publish({ name: options.name, url: withoutSecrets(url), from, to, attempt, lastClose, at })
}

/** A url as it may be logged: the query and what stands before an @ may hold secrets. */
function withoutSecrets(url: string): string {
  return url.split('?', 1)[0]!.replace(/\/\/[^/]*@/, '//')
}
