/** What a socket is doing now, for people and user interfaces. */

import type { ClientStateName } from '../core/client-state.ts'
import type { CloseCause, CloseInfo } from '../core/close-info.ts'

export type State = 'idle' | 'connecting' | 'open' | 'waiting' | 'suspended' | 'closing' | 'closed'

/** Frozen, and the same object until one of these changes. Times are epoch ms. */
export interface Status {
  readonly state: State
  /** Which retry in a row this is; 0 for a first dial and for a link that has proven stable. */
  readonly attempt: number
  /** When the next dial is due; null when none is planned. */
  readonly retryAt: number | null
  /** Milliseconds of the last ping that was answered. */
  readonly rtt: number | null
  readonly session: { readonly id: string | null; readonly ttl: number; readonly since: number } | null
  /** Whether nothing that was sent still waits here. */
  readonly allConfirmed: boolean
  readonly lastClose: CloseInfo | null
}

/** Read on demand, cumulative, safe for JSON: the report. */
export interface Stats {
  /** Epoch ms. */
  readonly lastHeardAt: number | null
  readonly bufferedBytes: number
  readonly unackedMessages: number
  readonly unackedBytes: number
  /** Messages handed to a link. */
  readonly sent: number
  /** Messages received. */
  readonly received: number
  readonly links: number
  readonly sessions: number
  readonly dials: number
  readonly giveups: number
  readonly pings: number
  readonly failures: Readonly<Partial<Record<CloseCause, number>>>
}

export function publicState(name: ClientStateName): State {
  if (name === 'greeting') return 'connecting'
  return name === 'settling' ? 'open' : name
}

/** @returns `before` when nothing in it has changed */
export function nextStatus(before: Status | undefined, after: Status): Status {
  if (before && isSame(before, after)) return before
  return Object.freeze({ ...after, session: after.session && Object.freeze(after.session) })
}

function isSame(a: Status, b: Status): boolean {
  return (
    a.state === b.state &&
    a.attempt === b.attempt &&
    a.retryAt === b.retryAt &&
    a.rtt === b.rtt &&
    a.session?.since === b.session?.since &&
    a.session?.ttl === b.session?.ttl &&
    a.allConfirmed === b.allConfirmed &&
    a.lastClose === b.lastClose
  )
}
