/** What happens in a demonstration: one line of the timeline, one line of NDJSON. Durations are milliseconds. */

import type { CloseCause, State, Stats } from 'holdfast'
import type { Tuning } from './tuning.ts'

/** The dial that follows a failure; null when none does. */
export type Retry = { readonly attempt: number; readonly delayMs: number } | null

export interface Pulse {
  readonly state: State
  /** Since something was last heard. */
  readonly silentMs: number
  /** Of the last ping that was answered on this link; pings are for silent links only. */
  readonly rttMs: number | null
  /** The last message that came back as an echo; null where no echo is asked for. */
  readonly echoMs: number | null
  readonly received: number
  readonly missing: number
}

/** A sum over the whole run. */
export interface Report {
  readonly durationMs: number
  /** A link counts as open until its loss is noticed. */
  readonly openMs: number
  readonly links: number
  readonly losses: number
  /** From the last thing heard until the loss was noticed. */
  readonly longestSilenceMs: number
  /** From there until the next link was open. */
  readonly longestOutageMs: number
  readonly lossesByCause: Readonly<Partial<Record<CloseCause, number>>>
  readonly failedDialsByCause: Readonly<Partial<Record<CloseCause, number>>>
  /** Null where the messages are not numbered. */
  readonly numbered: { readonly sent: number; readonly received: number; readonly missing: number } | null
  /** Round trips: of echoes in the demonstration's own network, of pings elsewhere. */
  readonly latency: { readonly of: 'echo' | 'ping'; readonly asked: number; readonly answered: number } & Quantiles
  /** As the library counts. */
  readonly stats: Stats
}

export interface Quantiles {
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

export type DemoEvent =
  | {
      readonly event: 'start'
      readonly url: string
      readonly seed: number | null
      readonly durationMs: number | null
      readonly tuning: Tuning
    }
  | { readonly event: 'open'; readonly link: number; readonly downMs: number | null }
  | {
      readonly event: 'lost'
      readonly code: number
      readonly reason: string
      readonly cause: CloseCause
      readonly upMs: number
      readonly silentMs: number
      readonly retry: Retry
    }
  | { readonly event: 'failed'; readonly cause: CloseCause; readonly error: string; readonly httpStatus?: number; readonly retry: Retry }
  | { readonly event: 'giveup'; readonly dials: number }
  | {
      readonly event: 'closed'
      readonly code: number
      readonly reason: string
      readonly cause: CloseCause
      readonly wasOpen: boolean
      readonly silentMs: number
      readonly httpStatus?: number
    }
  | { readonly event: 'pong'; readonly rttMs: number }
  | { readonly event: 'gap'; readonly first: number; readonly last: number; readonly missing: number }
  /** `connections` is how many it hit; null where that is not the question. */
  | { readonly event: 'fault'; readonly fault: 'reset' | 'freeze' | 'heal' | 'refuse' | 'accept'; readonly connections: number | null }
  | ({ readonly event: 'pulse' } & Pulse)
  | ({ readonly event: 'report' } & Report)

/** `at` in epoch milliseconds, `elapsedMs` since the start. */
export type DemoRecord = { readonly at: number; readonly elapsedMs: number } & DemoEvent

/** One record as a line of NDJSON, without its line feed. A hundredth of a millisecond is precise enough. */
export function renderRecord(record: DemoRecord): string {
  return JSON.stringify(record, (_, value: unknown) => (typeof value === 'number' ? Math.round(value * 100) / 100 : value))
}
