/** What a client process is asked to do; what it answers is named beside it. */

import type { SubjectName } from '../subject/catalogue.ts'

export type PayloadKind = 'text' | 'binary'

/** A number of messages of one size in one direction. */
export interface Step {
  readonly direction: 'send' | 'receive'
  readonly bytes: number
  readonly count: number
}

export interface ClientTask {
  readonly subject: SubjectName
  readonly port: number
}

/** Answered by µs of CPU a message, one for each step. */
export interface CpuTask extends ClientTask {
  readonly kind: 'cpu'
  readonly payload: PayloadKind
  readonly steps: readonly Step[]
}

export interface RoundTripSteps {
  /** The process that answers. */
  readonly serverPid: number
  readonly bytes: number
  /** Messages of each candidate before anything is measured: the compiler comes back to what a message passes for as long. */
  readonly warmUp: number
  readonly rounds: number
  /** Messages of a round. */
  readonly count: number
}

/** Answered by the median round trip of each round in µs, for one subject after the other. */
export interface RoundTripTask extends RoundTripSteps {
  readonly kind: 'round-trip'
  readonly subjects: readonly ClientTask[]
}

export interface IdleTask extends ClientTask {
  readonly kind: 'idle'
  readonly clients: number
  readonly settleMs: number
}

/** The answer to IdleTask, for one client. */
export interface IdleCost {
  readonly heapBytes: number
  readonly timers: number
  /** Of CPU, in one second in which nothing happens. */
  readonly cpuUs: number
}

/** Answered by a WatchEvent for each thing that happens, for as long as the process lives. */
export interface WatchTask extends ClientTask {
  readonly kind: 'watch'
  readonly clients: number
  /** Milliseconds between the openings. */
  readonly spacingMs: number
  /** A label gets the number of the client behind it. */
  readonly query: Readonly<Record<string, string>>
  readonly heartbeatMs?: number
}

export interface WatchEvent {
  readonly client: number
  readonly event: 'message' | 'closed'
  /** Epoch ms. */
  readonly at: number
}

export type Task = CpuTask | RoundTripTask | IdleTask | WatchTask
