/** What happens in a demonstration: one line of the timeline, one line of NDJSON. Durations are milliseconds. */

import type { CloseCause, State, Stats } from 'holdfast'
import type { LifeEvent } from '../life/event.ts'
import type { Tuning } from './tuning.ts'

export interface Pulse {
  readonly client: string
  readonly state: State
  /** Since something was last heard. */
  readonly silentMs: number
  /** Of the last ping that was answered on this link. */
  readonly rttMs: number | null
  /** The last message that came back; null where no echo is asked for. */
  readonly echoMs: number | null
  readonly sent: number
  readonly received: number
  readonly missing: number
}

/** A sum over the whole run of one client. */
export interface ClientReport {
  readonly client: string
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
  readonly numbered: Score | null
  /** Round trips: of echoes in the demonstration's own network, of pings elsewhere. */
  readonly latency: { readonly of: 'echo' | 'ping'; readonly asked: number; readonly answered: number } & Quantiles
  /** As the library counts; null for a client of another one. */
  readonly stats: Stats | null
}

/** Of numbered messages, each of which the server is to send back. */
export interface Score {
  readonly sent: number
  /** Different ones that reached the server. */
  readonly delivered: number
  /** Different ones that came back. */
  readonly received: number
  /** Sent, and not back at the end. */
  readonly lost: number
  /** Those that came once more, there or back. */
  readonly duplicated: number
  /** Times that the server told while it was there or might have been, and that did not come. */
  readonly missedTicks: number
  /** How many of its connections the server heard something on. */
  readonly connections: number
}

export interface Quantiles {
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

export interface Report {
  readonly durationMs: number
  readonly clients: readonly ClientReport[]
}

export type TrafficEvent = { readonly event: 'gap'; readonly first: number; readonly last: number; readonly missing: number }

/** What happens to one of the clients. */
export type ClientEvent =
  | LifeEvent
  | TrafficEvent
  /** A link is gone, of a client that does not tell why, nor what it will do. */
  | { readonly event: 'dropped'; readonly code: number; readonly reason: string; readonly upMs: number; readonly silentMs: number }

export type DemoEvent =
  | {
      readonly event: 'start'
      readonly url: string
      readonly seed: number | null
      readonly durationMs: number | null
      readonly tuning: Tuning
      readonly clients: readonly string[]
      /** Clients that are left out, because their package is not installed. */
      readonly absent: readonly string[]
    }
  | ({ readonly client: string } & ClientEvent)
  /** `connections` is how many it hit; null where that is not the question. */
  | { readonly event: 'fault'; readonly fault: 'reset' | 'freeze' | 'heal' | 'refuse' | 'accept'; readonly connections: number | null }
  | { readonly event: 'pulse'; readonly clients: readonly Pulse[] }
  | ({ readonly event: 'report' } & Report)

/** `at` in epoch milliseconds, `elapsedMs` since the start. */
export type DemoRecord = { readonly at: number; readonly elapsedMs: number } & DemoEvent
