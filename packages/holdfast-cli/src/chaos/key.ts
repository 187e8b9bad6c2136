/** What the keys of a terminal do; freeze and refuse are undone by the same key. */

import type { Fault } from '../fault/index.ts'
import type { Condition } from './condition.ts'

export interface Key {
  readonly key: string
  readonly label: string
  /** Undefined: quit. */
  readonly fault: Fault | undefined
}

export function keysFor({ frozen, isRefusing }: Condition): readonly Key[] {
  return [
    { key: 'r', label: 'reset', fault: { kind: 'reset' } },
    { key: 'c', label: 'cut', fault: { kind: 'cut' } },
    frozen === undefined
      ? { key: 'f', label: 'freeze', fault: { kind: 'freeze', direction: 'both', held: 'release' } }
      : { key: 'f', label: 'heal', fault: { kind: 'heal', direction: 'both', held: 'release' } },
    isRefusing ? { key: 'x', label: 'accept', fault: { kind: 'accept' } } : { key: 'x', label: 'refuse', fault: { kind: 'refuse' } },
    { key: 'q', label: 'quit', fault: undefined },
  ]
}
