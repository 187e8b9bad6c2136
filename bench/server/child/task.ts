/** What a process is asked to do, and then told; what it answers is named beside it. */

import type { ServerSubject } from '../subject.ts'

export interface Heartbeat {
  /** Milliseconds between two pings of a connection. */
  readonly intervalMs: number
  /** Milliseconds that an answer may take, where a server knows of that. */
  readonly timeoutMs: number
}

/** Answered by its port; then it takes orders. */
export interface ServeTask {
  readonly kind: 'serve'
  readonly build: string
  readonly subject: ServerSubject
  readonly heartbeat: Heartbeat
}
export type ServerOrder =
  /** Answered by a Lap, of the time since the last one. */
  | { readonly kind: 'lap' }
  /** Answered by a Heap, after garbage collections. */
  | { readonly kind: 'heap' }
  /** Lets nothing else run for so long; answered by null. */
  | { readonly kind: 'block'; readonly ms: number }
export interface Lap {
  readonly stallMs: number
  readonly cpuUs: number
}
export interface Heap {
  readonly bytes: number
}

/** Opens so many; answered by null when all are open. Then it takes orders. */
export interface CrowdTask {
  readonly kind: 'crowd'
  readonly port: number
  readonly clients: number
  /** Whether they ask for sessions. */
  readonly speaks: boolean
}
export type CrowdOrder =
  /** Answered by a Tally, of the time since the last one. */
  | { readonly kind: 'tally' }
  /** From now on each says something so often; answered by null. */
  | { readonly kind: 'talk'; readonly everyMs: number }
export interface Tally {
  readonly pings: number
  /** Connections that ended, which nobody had asked for. */
  readonly cut: number
}

/** Begins so many sessions, drops their links, and comes back; answered by a Parked each time: when all are away, and, after an order, when all were back. */
export interface ParkTask {
  readonly kind: 'park'
  readonly port: number
  readonly sessions: number
  readonly batch: number
}
export interface Parked {
  readonly count: number
  readonly ms: number
}

export type Task = ServeTask | CrowdTask | ParkTask
