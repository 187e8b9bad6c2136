/**
 * A move of a session to another link while the one it has goes on (PROTOCOL.md section 7).
 *
 *   none ── D, or the link is old enough ──▶ planned ── at ──▶ dialling ── opened ──▶ greeting ── S ──▶ none, on the new link
 *                                               ▲                 │                     │
 *                                               └──── failed, and `by` has not come ────┘
 */

import type { Dial } from './dial.ts'
import type { LinkGauge } from './liveness.ts'

interface Plan {
  /** The link that is to be left ends then. */
  readonly by: number
  /** Where to dial; undefined: where the link was dialled. */
  readonly url: string | undefined
  readonly tries: number
}

export type Migration =
  | { readonly name: 'none' }
  | ({ readonly name: 'planned'; readonly at: number } & Plan)
  | ({ readonly name: 'dialling'; readonly link: number; readonly dial: Dial } & Plan)
  | ({ readonly name: 'greeting'; readonly link: number; readonly dial: Dial; readonly openedAt: number; readonly gauge: LinkGauge } & Plan)

export const noMigration: Migration = { name: 'none' }

/** When its `tick` is due. */
export function migrationDeadline(migration: Migration): number {
  switch (migration.name) {
    case 'none':
      return Infinity
    case 'planned':
      return migration.at
    case 'dialling':
    case 'greeting':
      return migration.dial.deadline
  }
}
