/** What the keys do; the status line lists them. */

import type { State } from 'holdfast'
import type { Mishap } from './storm.ts'

export type Action = { readonly kind: 'quit' } | { readonly kind: 'reconnect' } | { readonly kind: 'mishap'; readonly mishap: Mishap }

export interface Key {
  readonly key: string
  readonly label: string
  readonly action: Action
}

const quit: Key = { key: 'q', label: 'quit', action: { kind: 'quit' } }
const tryAgain: Key = { key: 'r', label: 'try again', action: { kind: 'reconnect' } }
const reconnect: Key = { key: 'r', label: 'reconnect', action: { kind: 'reconnect' } }

export const mishapMs = 3_000
const mishaps: readonly Key[] = [
  { key: 'r', label: 'reset', action: { kind: 'mishap', mishap: 'reset' } },
  { key: 'f', label: 'freeze 3 s', action: { kind: 'mishap', mishap: 'freeze' } },
  { key: 'x', label: 'refuse 3 s', action: { kind: 'mishap', mishap: 'refuse' } },
]

/** The keys there are now. */
export function keysFor(state: State, canBreak: boolean): readonly Key[] {
  if (state === 'suspended') return [tryAgain, quit]
  return canBreak ? [...mishaps, quit] : [reconnect, quit]
}
