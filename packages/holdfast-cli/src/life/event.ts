/** What a connection goes through: one event for each turn of fate, in lines and in NDJSON. Durations are milliseconds. */

import type { CloseCause } from 'holdfast'

/** The dial that follows a failure; null when none does. */
export type Retry = { readonly attempt: number; readonly delayMs: number } | null

export interface SessionLabel {
  /** The beginning of its id. */
  readonly id: string
  /** How long the server keeps it while no link is there. */
  readonly ttlMs: number
}

export type LifeEvent =
  /** `session` is null on a plain link. */
  | { readonly event: 'open'; readonly link: number; readonly downMs: number | null; readonly session: SessionLabel | null }
  /** The link is gone, and with it what it had taken, unless a session keeps that. */
  | {
      readonly event: 'lost'
      readonly code: number
      readonly reason: string
      readonly cause: CloseCause
      readonly upMs: number
      readonly silentMs: number
      readonly session: SessionLabel | null
      /** Messages that the session keeps until it is told that they arrived. */
      readonly unacknowledged: number
      readonly retry: Retry
    }
  /** The session goes on over another link: `received` messages had waited for us, `resent` for the peer. */
  | {
      readonly event: 'resumed'
      readonly link: number
      readonly downMs: number
      readonly received: number
      readonly resent: number
      /** A session that goes on has lost nothing. */
      readonly lost: 0
    }
  /** The session is over, and a new one is to follow: without a dial where the server has said so on a link that can carry it. */
  | ({ readonly event: 'ended'; readonly session: SessionLabel; readonly retry: Retry } & Ending)
  | { readonly event: 'failed'; readonly cause: CloseCause; readonly error: string; readonly httpStatus?: number; readonly retry: Retry }
  | { readonly event: 'giveup'; readonly dials: number }
  /** Nothing follows. */
  | ({
      readonly event: 'closed'
      readonly wasClean: boolean
      readonly wasOpen: boolean
      readonly silentMs: number
      readonly session: SessionLabel | null
      /** What the library says of it; empty for an end in order. */
      readonly error: string
      readonly httpStatus?: number
    } & Ending)
  | { readonly event: 'pong'; readonly rttMs: number }

export interface Ending {
  readonly code: number
  readonly reason: string
  readonly cause: CloseCause
  /** Messages that were accepted and not delivered, as far as is known. */
  readonly unconfirmed: number
  /** Whether it is certain that none of them arrived. */
  readonly exact: boolean
}
